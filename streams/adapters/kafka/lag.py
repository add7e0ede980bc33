"""Consumer lag: a group's committed offsets beside the topic's ends, without joining it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any, Final, Self

from aiokafka.structs import TopicPartition

from streams.adapters.kafka.admin import TopicAdmin
from streams.adapters.kafka.connection import KafkaAddress
from streams.adapters.kafka.consumer import asking, groupless

SECONDS: Final = 30.0
"""That the broker may take for an answer."""


class LaneProgress:
    """What a group has still to do of `topic`, up to the ends that the topic had when this was opened."""

    def __init__(self, bootstrap: KafkaAddress, topic: str, group: str) -> None:
        self._bootstrap = bootstrap
        self._topic = topic
        self._group = group
        self._stack = AsyncExitStack()
        self._consumer: Any
        self._ends: Mapping[TopicPartition, int] = {}

    async def __aenter__(self) -> Self:
        """Raises `Unavailable` when the broker does not answer; a topic that is not there has no ends."""
        async with TopicAdmin(self._bootstrap, seconds=SECONDS) as admin:
            numbers = await admin.partitions(self._topic)
        consumer = groupless(self._bootstrap, seconds=SECONDS, offsets_of=self._group)
        self._consumer = await self._stack.enter_async_context(consumer)
        partitions = [TopicPartition(self._topic, number) for number in numbers]
        try:
            self._consumer.assign(partitions)
            async with asking(self._topic, seconds=SECONDS):
                self._ends = await self._consumer.end_offsets(partitions)
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def committed(self) -> dict[int, int]:
        """The next offset that the group reads, by partition; 0 where it has read none."""
        async with asking(self._topic, seconds=SECONDS):
            return {tp.partition: await self._consumer.committed(tp) or 0 for tp in self._ends}

    async def ends(self) -> dict[int, int]:
        """The offset behind each partition's newest record, now; raises `Unavailable`."""
        async with asking(self._topic, seconds=SECONDS):
            found = await self._consumer.end_offsets(list(self._ends))
        return {tp.partition: offset for tp, offset in found.items()}

    async def left(self, until: Mapping[int, int] | None = None) -> int:
        """Messages below `until`, or the ends of when this was opened, that the group has not committed."""
        ends = {tp.partition: end for tp, end in self._ends.items()} if until is None else until
        done = await self.committed()
        if any(done.get(partition, 0) < end for partition, end in ends.items()):
            # Where the group has not committed for long, or never, records may be gone that nobody reads.
            for partition, begin in (await self._beginnings()).items():
                done[partition] = max(begin, done.get(partition, 0))
        return sum(max(0, end - done.get(partition, 0)) for partition, end in ends.items())

    async def _beginnings(self) -> dict[int, int]:
        async with asking(self._topic, seconds=SECONDS):
            found = await self._consumer.beginning_offsets(list(self._ends))
        return {tp.partition: offset for tp, offset in found.items()}
