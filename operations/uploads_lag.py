"""Lag of the live workers: uploads that their group has not committed, by the ends of now."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from schemas import topics
from streams.adapters.kafka.connection import KafkaAddress
from streams.adapters.kafka.lag import LaneProgress
from streams.adapters.kafka.reader import TopicReader


class UploadsLag:
    """Asked as often as one likes; it joins no group."""

    def __init__(self, reader: TopicReader, lane: LaneProgress) -> None:
        self._reader = reader
        self._lane = lane
        self.most = 0
        self.last = 0

    async def ask(self) -> int:
        """How many there are; raises `Unavailable`."""
        # In this order: what is published between the two questions is no lag.
        ends = await self._reader.ends()
        done = await self._lane.committed()
        self.last = sum(max(0, end - done.get(number, 0)) for number, end in ends.items())
        self.most = max(self.most, self.last)
        return self.last


@asynccontextmanager
async def opened(brokers: KafkaAddress, group: str) -> AsyncIterator[UploadsLag]:
    """Of that group, while the block runs."""
    async with (
        TopicReader(brokers, topics.UPLOADED) as reader,
        LaneProgress(brokers, topics.UPLOADED, group) as lane,
    ):
        yield UploadsLag(reader, lane)
