"""Backlog meter of the embedded broker: what nobody has worked on yet, beside what it keeps.

librdkafka's mock cluster keeps some 5 MB of a partition and drops the oldest records beyond that, read or
not. So whoever publishes there must not run too far ahead of the workers.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from operations.uploader import EventPublisher
from schemas import topics
from schemas.uploads import ImageUploaded
from streams.adapters.kafka.connection import KEPT_BYTES, KafkaAddress
from streams.adapters.kafka.lag import LaneProgress
from streams.adapters.kafka.reader import TopicReader
from streams.message import Message

NEAR: Final = KEPT_BYTES // 2
"""Unread bytes of a partition from which on a publisher waits, and a person is warned."""

OVERHEAD: Final = 100
"""Bytes of a record beyond its key, value and headers, at most."""

_EVERY: Final = 0.5


class Backlog:
    """Unread bytes by partition of one topic."""

    def __init__(self) -> None:
        self._unread: dict[int, deque[tuple[int, int]]] = {}
        self._bytes: dict[int, int] = {}

    def add(self, message: Message) -> None:
        """One more was published."""
        size = OVERHEAD + len(message.key or b"") + len(message.value or b"")
        size += sum(len(name) + len(value) for name, value in message.headers)
        self._unread.setdefault(message.partition, deque()).append((message.offset, size))
        self._bytes[message.partition] = self._bytes.get(message.partition, 0) + size

    def done(self, committed: Mapping[int, int]) -> None:
        """The workers are done with what lies before these offsets."""
        for partition, unread in self._unread.items():
            while unread and unread[0][0] < committed.get(partition, 0):
                self._bytes[partition] -= unread.popleft()[1]

    @property
    def most(self) -> tuple[int, int, int]:
        """The fullest partition: its number, the records and the bytes that nobody has worked on."""
        partition = max(self._bytes, key=self._bytes.__getitem__, default=0)
        return partition, len(self._unread.get(partition, ())), self._bytes.get(partition, 0)

    @property
    def words(self) -> str:
        """The fullest partition, for people."""
        partition, records, size = self.most
        return (
            f"partition {partition} holds {records} records, {size / 2**20:.1f} MB, that no worker has "
            f"worked on yet; the embedded broker keeps {KEPT_BYTES // 2**20} MB of it, and drops the oldest "
            "beyond that"
        )

    @property
    def is_near(self) -> bool:
        """Whether a publisher should wait."""
        return self.most[2] > NEAR


@asynccontextmanager
async def metered(brokers: KafkaAddress, group: str, topic: str = topics.UPLOADED) -> AsyncIterator[Backlog]:
    """What `group` has still to do of the topic, while the block runs: half a second old at most."""
    backlog = Backlog()
    async with AsyncExitStack() as stack:
        lane = await stack.enter_async_context(LaneProgress(brokers, topic, group))
        reader = await stack.enter_async_context(TopicReader(brokers, topic))
        begin, end = await reader.beginnings(), await reader.ends()
        done = await lane.committed()
        start = {number: max(begin[number], done.get(number, 0)) for number in begin}
        async for message in reader.read(start, end):
            backlog.add(message)
        tasks = (
            asyncio.create_task(_follow(reader, end, backlog)),
            asyncio.create_task(_settle(lane, backlog)),
        )
        try:
            yield backlog
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


class PacedPublisher:
    """Publishes uploads when the workers have made room for them."""

    def __init__(self, publisher: EventPublisher, backlog: Backlog, tell: Callable[[str], None]) -> None:
        self._publisher = publisher
        self._backlog = backlog
        self._tell = tell
        self._waits = False

    async def publish(self, *uploads: ImageUploaded) -> None:
        """See `UploadPublisher.publish`; says once, each time that it has to wait."""
        while self._backlog.is_near:
            if not self._waits:
                self._waits = True
                self._tell(f"Waiting for the workers: {self._backlog.words}")
            await asyncio.sleep(_EVERY)
        self._waits = False
        await self._publisher.publish(*uploads)


async def _follow(reader: TopicReader, start: Mapping[int, int], backlog: Backlog) -> None:
    async for message in reader.follow(start):
        backlog.add(message)


async def _settle(lane: LaneProgress, backlog: Backlog) -> None:
    while True:
        backlog.done(await lane.committed())
        await asyncio.sleep(_EVERY)
