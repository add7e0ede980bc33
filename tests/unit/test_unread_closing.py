"""A consumer that is closed while it asks where to go on reading is closed all the same."""

import asyncio
from types import SimpleNamespace

from aiokafka.structs import TopicPartition

from streams.adapters.kafka import unread


class UnplacedPartition:
    has_valid_position = False
    awaiting_reset = False

    async def fetch_committed(self) -> None:
        """The broker never answers."""
        await asyncio.Event().wait()


class BareFetcher:
    async def _proc_fetch_request(self) -> None: ...

    async def _update_fetch_positions(self, *_: object) -> bool:
        return True


async def test_a_question_to_the_broker_that_is_cancelled_ends_in_peace() -> None:
    fetcher = BareFetcher()
    unread.watch(SimpleNamespace(_fetcher=fetcher), rewound=lambda *_: None)
    assignment = SimpleNamespace(state_value=lambda _: UnplacedPartition())
    place = fetcher._update_fetch_positions
    asked = asyncio.create_task(place(assignment, 0, [TopicPartition("t", 0)]))
    await asyncio.sleep(0)
    asked.cancel()
    assert await asked is False
