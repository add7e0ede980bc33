"""Topic reader for commands: in no group, so that reading moves nobody's offsets and stops no worker."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from datetime import UTC, datetime
from typing import Any, Final, Self

import structlog
from aiokafka.structs import ConsumerRecord, TopicPartition

from schemas.errors import ConfigurationError
from streams.adapters.kafka.admin import TopicAdmin
from streams.adapters.kafka.connection import KafkaAddress
from streams.adapters.kafka.consumer import FETCH_MILLISECONDS, asking, groupless, mapped
from streams.adapters.kafka.unread import unread_of
from streams.message import Message, written_at

SECONDS: Final = 30.0
"""For one question, or the next record of a topic that has more; beyond it the broker is `Unavailable`."""

_POLL_SECONDS: Final = 0.2

Offsets = Mapping[int, int]
"""An offset by partition."""

_EVERYTHING: Final[Offsets] = {}

log = structlog.get_logger(__name__)


class NoTopic(ConfigurationError):
    """The broker has no such topic."""


class TopicReader:
    """The records of one topic by partition and offset. One `read` or `follow` at a time."""

    def __init__(
        self,
        bootstrap: KafkaAddress,
        topic: str,
        *,
        seconds: float = SECONDS,
        hold_milliseconds: int = FETCH_MILLISECONDS,
    ) -> None:
        self.topic = topic
        self._hold = hold_milliseconds
        self.partitions: tuple[int, ...] = ()
        """As the broker says once the reader is entered; those added later are not seen."""
        self._bootstrap = bootstrap
        self._seconds = seconds
        self._stack = AsyncExitStack()
        self._consumer: Any = None

    async def __aenter__(self) -> Self:
        """Raises `NoTopic`, or `Unavailable` when the broker does not answer."""
        async with TopicAdmin(self._bootstrap, seconds=self._seconds) as admin:
            self.partitions = await admin.partitions(self.topic)
        if not self.partitions:
            raise NoTopic(f"the broker has no topic {self.topic!r}")
        opened = groupless(self._bootstrap, seconds=self._seconds, hold_milliseconds=self._hold)
        self._consumer = await self._stack.enter_async_context(opened)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def beginnings(self) -> dict[int, int]:
        """The offset of each partition's oldest record."""
        async with self._asking():
            return _by_number(await self._consumer.beginning_offsets(self._all))

    async def oldest(self) -> dict[int, int]:
        """The beginnings, for whoever wants all there ever was: says how many records are gone."""
        begin = await self.beginnings()
        if gone := {number: offset for number, offset in begin.items() if offset}:
            log.warning("topic.records_gone", topic=self.topic, count=sum(gone.values()), partitions=gone)
        return begin

    async def ends(self) -> dict[int, int]:
        """The offset behind each partition's newest record."""
        async with self._asking():
            return _by_number(await self._consumer.end_offsets(self._all))

    async def offsets_for(self, moment: datetime) -> dict[int, int]:
        """The offset of each partition's first record of `moment` or later; its end where there is none.

        A broker that keeps no index of times (the embedded one) says that it has none. Those
        partitions are read from their beginning instead, which takes as long as it takes and is logged.
        """
        ends = await self.ends()
        found = await self._first_since(moment, self._all)
        unsure = [tp for tp in self._all if tp.partition not in found]
        # Every partition with a record has one since 1970: who says otherwise keeps no index.
        can_tell = await self._first_since(datetime.fromtimestamp(0, UTC), unsure)
        unindexed = {tp.partition for tp in unsure if tp.partition not in can_tell and ends[tp.partition]}
        if unindexed:
            log.info("topic.times_not_indexed", topic=self.topic, partitions=sorted(unindexed))
            found |= await self._sought(moment, unindexed)
        return ends | found

    async def read(
        self, start: Offsets | None = None, until: Offsets | None = None
    ) -> AsyncGenerator[Message, None]:
        """Every record from `start` (the beginning) on and before `until` (the ends of now), then the end.

        In order within a partition. A partition that one of the two does not name is left out, and one
        whose records at `start` have expired begins at its oldest.

        Raises:
            Unavailable: the broker has said nothing for a while though there is more.
        """
        begin = await self.beginnings() if start is None else start
        end = await self.ends() if until is None else until
        left = {TopicPartition(self.topic, number): end[number] for number in begin if number in end}
        left = {tp: offset for tp, offset in left.items() if begin[tp.partition] < offset}
        self._place({tp: begin[tp.partition] for tp in left})
        while left := await self._behind(left):
            for message in _readable(await self._next(left)):
                if message.offset < end[message.partition]:
                    yield message

    async def follow(self, start: Offsets | None = None) -> AsyncGenerator[Message, None]:
        """Every record from `start` (the ends of now) on, for ever; waits while the broker is away."""
        begin = await self.ends() if start is None else start
        self._place({TopicPartition(self.topic, number): offset for number, offset in begin.items()})
        while True:
            for message in _readable(await self._poll()):
                yield message

    @property
    def _all(self) -> list[TopicPartition]:
        return [TopicPartition(self.topic, number) for number in self.partitions]

    def _asking(self) -> AbstractAsyncContextManager[None]:
        return asking(self.topic, seconds=self._seconds)

    async def _first_since(self, moment: datetime, partitions: Sequence[TopicPartition]) -> dict[int, int]:
        """What the broker's index of times says; partitions of which it says nothing are left out."""
        if not partitions:
            return {}
        asked = dict.fromkeys(partitions, max(0, int(moment.timestamp() * 1000)))
        async with self._asking():
            answer = await self._consumer.offsets_for_times(asked)
        return {tp.partition: found.offset for tp, found in answer.items() if found}

    async def _sought(self, moment: datetime, partitions: set[int]) -> dict[int, int]:
        """The first record of `moment` or later in each of `partitions`, by reading them."""
        found: dict[int, int] = {}
        begin = {number: at for number, at in (await self.beginnings()).items() if number in partitions}
        async for message in self.read(begin):
            if message.timestamp and message.timestamp >= moment:
                found.setdefault(message.partition, message.offset)
        return found

    def _place(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Go on from `offsets`, and from nowhere else.

        Without an await between them: the consumer would go to its default in the meantime.
        """
        self._consumer.assign(list(offsets))
        for tp, offset in offsets.items():
            self._consumer.seek(tp, offset)

    async def _behind(self, ends: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
        """Those of `ends` that are not reached yet. A position also passes what compaction has left out."""
        async with self._asking():
            return {tp: end for tp, end in ends.items() if await self._consumer.position(tp) < end}

    async def _next(self, left: Mapping[TopicPartition, int]) -> list[Any]:
        """The next records of partitions that have more."""
        async with self._asking():
            while True:
                before = [await self._consumer.position(tp) for tp in left]
                records = await self._poll(*left)
                if records or before != [await self._consumer.position(tp) for tp in left]:
                    return records

    async def _poll(self, *partitions: TopicPartition) -> list[Any]:
        with mapped(self.topic):
            batches = await self._consumer.getmany(*partitions, timeout_ms=int(_POLL_SECONDS * 1000))
        return [record for batch in batches.values() for record in batch]


async def read_all(bootstrap: KafkaAddress, topic: str) -> tuple[Message, ...]:
    """Every record of `topic` on the embedded broker, from its beginning to its end of now.

    Nothing where nobody has used the topic yet. Raises `RuntimeError` when the broker has dropped some
    of its records, `Unavailable` when it does not answer in time.
    """
    try:
        async with TopicReader(bootstrap, topic) as reader:
            beginnings = await reader.beginnings()
            if dropped := {number: offset for number, offset in beginnings.items() if offset}:
                raise RuntimeError(f"the embedded broker dropped records of {topic}: they begin at {dropped}")
            return tuple([message async for message in reader.read(beginnings)])
    except NoTopic:
        return ()


async def newest(
    bootstrap: KafkaAddress, topic: str, *, most: int, behind: Offsets = _EVERYTHING
) -> AsyncGenerator[Message, None]:
    """The newest records of `topic`: at most so many offsets of a partition, and none before `behind`.

    Nothing where there is no such topic. Raises `Unavailable` when the broker does not answer in time.
    """
    try:
        async with TopicReader(bootstrap, topic) as reader:
            begin, end = await reader.beginnings(), await reader.ends()
            start = {n: max(begin[n], behind.get(n, 0), end[n] - most) for n in end}
            async for message in reader.read(start, end):
                yield message
    except NoTopic:
        return


def _by_number(offsets: Mapping[TopicPartition, int]) -> dict[int, int]:
    return {tp.partition: offset for tp, offset in offsets.items()}


def _readable(records: Iterable[ConsumerRecord]) -> Iterator[Message]:  # type: ignore[type-arg]
    """The records as messages; what nobody can read is named, and passed over."""
    for record in records:
        if unread := unread_of(record.value):
            log.warning(
                "topic.records_unread",
                topic=record.topic,
                partition=record.partition,
                first=unread.first,
                last=unread.last,
                cause=unread.cause,
            )
        else:
            yield _message(record)


def _message(record: ConsumerRecord) -> Message:  # type: ignore[type-arg]
    headers = tuple((name, value or b"") for name, value in record.headers) if record.headers else ()
    return Message(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=record.key,
        value=record.value,
        headers=headers,
        timestamp=written_at(record.timestamp / 1000),
    )
