"""Group-less consumer: it moves nobody's offsets and stops no worker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from schemas.errors import Unavailable
from streams.adapters.kafka import unread
from streams.adapters.kafka.connection import KafkaAddress, KafkaConnection
from streams.adapters.kafka.diagnosis import FOREIGN, starting, words

FETCH_MILLISECONDS: Final = 100
"""What is assigned next waits as long as the broker holds a fetch that is on its way: at the default of 500,
the second read of a reader began a second late."""


@asynccontextmanager
async def groupless(
    bootstrap: KafkaAddress,
    *,
    seconds: float,
    offsets_of: str | None = None,
    hold_milliseconds: int = FETCH_MILLISECONDS,
) -> AsyncIterator[Any]:
    """A running consumer with nothing assigned, closed in the end; untyped, as its methods are.

    `offsets_of` is a group whose committed offsets can be asked for; the consumer does not join it.
    `hold_milliseconds`: how long the broker may hold a fetch for which it has nothing.
    Raises `Unavailable` when no broker answers within `seconds`.
    """
    consumer: Any = AIOKafkaConsumer(  # type: ignore[no-untyped-call]
        **KafkaConnection.to(bootstrap).options,
        group_id=offsets_of,
        enable_auto_commit=False,
        auto_offset_reset="earliest",  # where the records at the place asked for have expired
        request_timeout_ms=int(seconds * 1000),
        fetch_max_wait_ms=hold_milliseconds,
    )
    try:
        async with starting(bootstrap, seconds=seconds):
            await consumer.start()
        unread.watch(consumer, rewound=_as_asked)
        yield consumer
    finally:
        await _stop(consumer)


@asynccontextmanager
async def asking(about: str, *, seconds: float) -> AsyncIterator[None]:
    """For no longer than `seconds`; foreign errors leave it as `Unavailable`."""
    with mapped(about):
        async with asyncio.timeout(seconds):
            yield


@contextmanager
def mapped(about: str) -> Iterator[None]:
    """Foreign errors leave it as `Unavailable`."""
    try:
        yield
    except (*FOREIGN, AssertionError) as error:
        # The assertion is aiokafka's, that it knows a broker: while one restarts it may know none.
        raise Unavailable("broker", f"asked about {about}: {words(error)}") from error


def _as_asked(tp: TopicPartition, wanted: int, found: int) -> None:
    """Whoever reads from beyond the end gets what there is; that is no news to a command."""


async def _stop(consumer: Any) -> None:  # noqa: ANN401 - aiokafka's, untyped
    """Close it whole, whatever it was about to do.

    aiokafka's own `stop` raises the cancellation of its tasks where one has not begun yet, or waits to
    fetch again from a broker that is away: to its caller that looks like Ctrl-C, and the connections
    stay open. Hence the private names (aiokafka is pinned, and a test leaves a frozen broker).
    """
    await asyncio.sleep(0)  # all tasks have begun
    stopping = asyncio.ensure_future(consumer.stop())
    await asyncio.wait([stopping])
    if stopping.cancelled():
        await _abandon(consumer)
    else:
        stopping.result()


async def _abandon(consumer: Any) -> None:  # noqa: ANN401 - as above
    fetches = list(consumer._fetcher._pending_tasks)  # noqa: SLF001
    for fetch in fetches:
        fetch.cancel()
    await asyncio.gather(*fetches, return_exceptions=True)
    await consumer._client.close()  # noqa: SLF001
