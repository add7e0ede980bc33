"""Unread records: what nobody can read any more becomes a message in its place, and the partition goes on.

aiokafka's fetcher raises, for ever, over a batch that it cannot unpack (a codec that is not installed, a
damaged payload, a wrong checksum), and passes over records that retention deleted in silence. Here both
become one record at the last of the offsets in question, which says what is missing: it travels through
Faust and the window like any other, ends as a dead letter, and only then is it committed past (ADR 18).

Private names throughout: aiokafka is pinned, and a test guards them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, Final

from aiokafka import codec
from aiokafka.consumer.fetcher import FetchError, FetchResult, OffsetResetStrategy, PartitionRecords
from aiokafka.errors import CorruptRecordException, RecordTooLargeError
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.structs import ConsumerRecord, OffsetAndMetadata, TopicPartition

from streams.adapters.kafka.inflation import inflated
from streams.message import Unread

Rewound = Callable[[TopicPartition, int, int], None]
"""Told of a partition, the offset that was to be read and the one that is, which lies before it."""

_Refused = dict[tuple[TopicPartition, int], Exception]
"""Why batches are not to be unpacked, by their partition and first offset."""

_NO_TIME: Final = -1

CODECS: Final = {
    "gzip": codec.has_gzip,
    "snappy": codec.has_snappy,
    "lz4": codec.has_lz4,
    "zstd": codec.has_zstd,
}
"""What Kafka's producers compress with, and whether it can be read here."""


class _Notice(bytes):
    """No bytes, which Faust hands on as they are, and what stands in place of the records."""

    unread: Unread


def missing_codecs() -> tuple[str, ...]:
    """The codecs that are not installed here."""
    return tuple(name for name, is_there in CODECS.items() if not is_there())


def unread_of(value: bytes | None) -> Unread | None:
    """What a record's value stands for; None where it is a value."""
    return value.unread if isinstance(value, _Notice) else None


def watch(consumer: Any, *, rewound: Rewound) -> None:
    """From now on the started consumer hands out a notice where records cannot be read."""
    _FetchWatch(consumer._fetcher, rewound)


class _FetchWatch:
    """Stands around two steps of the fetcher: where a partition is read from, and what an answer holds."""

    def __init__(self, fetcher: Any, rewound: Rewound) -> None:
        self._fetcher = fetcher
        self._rewound = rewound
        self._assignment: Any = None
        self._sought: dict[TopicPartition, int] = {}
        """The offset that was wanted of each partition whose place is being looked for."""
        self._refused: _Refused = {}
        fetcher._client = _Client(fetcher._client, self._measure)
        self._fetch, self._place = fetcher._proc_fetch_request, fetcher._update_fetch_positions
        fetcher._proc_fetch_request, fetcher._update_fetch_positions = self.fetch, self.place

    async def fetch(self, assignment: Any, node: int, request: Any) -> bool:
        """As the fetcher does it; what came is unpacked our way."""
        self._turn_to(assignment)
        woken: bool = await self._fetch(assignment, node, request)
        if assignment.active:
            for topic, partitions in request.topics:
                for number, offset, _ in partitions:
                    self._look_at(TopicPartition(topic, number), offset)
        return woken

    async def place(self, assignment: Any, node: int, partitions: list[TopicPartition]) -> bool:
        """As the fetcher does it, and tells where that is not the place that was wanted."""
        self._turn_to(assignment)
        try:
            for tp in partitions:
                await self._recall(assignment.state_value(tp), tp)
        except asyncio.CancelledError:
            # As in all that the fetcher starts: it cancels what an assignment has left behind, and asks for
            # its result. A cancellation that came out here would end the fetcher, and a stop of it.
            return False
        woken: bool = await self._place(assignment, node, partitions)
        if assignment.active:
            found = {tp: self._sought.pop(tp) for tp in partitions if self._is_placed(tp)}
            told = [self._tell_of_gap(tp, wanted) for tp, wanted in found.items()]
            woken |= any(told)
        return woken

    def _measure(self, response: Any) -> None:
        for topic, partitions in response.topics:
            for number, _, _, *rest in partitions:
                for offset, error in inflated(rest[-1] or b""):
                    self._refused[TopicPartition(topic, number), offset] = error

    def _turn_to(self, assignment: Any) -> None:
        if assignment is not self._assignment:
            self._assignment = assignment
            self._refused.clear()
            self._sought.clear()

    async def _recall(self, state: Any, tp: TopicPartition) -> None:
        """Take up where the group has left off, as the fetcher would; note where it has nothing to say."""
        if state.has_valid_position or state.awaiting_reset:
            return
        committed: OffsetAndMetadata = await state.fetch_committed()
        if state.has_valid_position or state.awaiting_reset:
            return  # somebody has placed it meanwhile
        if committed.offset >= 0:
            state.reset_to(committed.offset)
        else:
            self._sought[tp] = 0
            state.await_reset(self._fetcher._default_reset_strategy)

    def _is_placed(self, tp: TopicPartition) -> bool:
        return tp in self._sought and self._assignment.state_value(tp).has_valid_position

    def _look_at(self, tp: TopicPartition, offset: int) -> None:
        state, found = self._assignment.state_value(tp), self._fetcher._records.get(tp)
        if state.awaiting_reset and state.reset_strategy == OffsetResetStrategy.EARLIEST:
            self._sought.setdefault(tp, offset)  # the broker has just said that this is out of its range
        elif isinstance(found, FetchResult):
            records = found._partition_records
            if isinstance(records, PartitionRecords):
                records._records_iterator = _unpacked(records, state.highwater, self._refused)
        elif isinstance(found, FetchError) and isinstance(found._error, RecordTooLargeError):
            # Not too large: brokers send the first batch whole. Its length is not its own.
            self._put(tp, _damaged(offset, offset, "its length is not that of what came"))

    def _tell_of_gap(self, tp: TopicPartition, wanted: int) -> bool:
        """Whether there is something to hand out now."""
        position: int = self._assignment.state_value(tp).position
        if position < wanted:
            self._rewound(tp, wanted, position)
        elif position > wanted:
            self._put(tp, _expired(wanted, position - 1))
        return position > wanted

    def _put(self, tp: TopicPartition, unread: Unread) -> None:
        self._fetcher._records[tp] = FetchResult(  # type: ignore[no-untyped-call]
            tp,
            assignment=self._assignment,
            partition_records=_Alone(_record(tp, unread)),
            backoff=self._fetcher._prefetch_backoff,
        )


class _Client:
    """The fetcher's client, whose answers to fetches are looked at before they are unpacked."""

    def __init__(self, client: Any, look: Callable[[Any], None]) -> None:
        self._client = client
        self._look = look

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    async def send(self, node: int, request: Any) -> Any:
        response = await self._client.send(node, request)
        if isinstance(request, FetchRequest):
            self._look(response)
        return response


class _Alone:
    """A notice, in the form of an answer's records."""

    def __init__(self, record: ConsumerRecord[Any, Any]) -> None:
        self.next_fetch_offset = record.offset + 1
        self._left = [record]

    def __iter__(self) -> Iterator[ConsumerRecord[Any, Any]]:
        return self

    def __next__(self) -> ConsumerRecord[Any, Any]:
        if not self._left:
            raise StopIteration
        return self._left.pop()


def _unpacked(
    answer: Any, highwater: int, refused: dict[tuple[TopicPartition, int], Exception]
) -> Iterator[ConsumerRecord[Any, Any]]:
    """The records of an answer, and a notice for what of a batch cannot be unpacked."""
    batch = _next(answer)
    while batch is not None:
        following = _next(answer)
        began = answer.next_fetch_offset
        try:
            yield from _records(answer, batch, began, refused)
        except Exception as error:  # noqa: BLE001 - every codec has errors of its own, and a struct too
            first = max(answer.next_fetch_offset, getattr(batch, "base_offset", began))
            last = max(first, _last_of(batch, following, highwater, error))
            answer.next_fetch_offset = last + 1
            yield _record(answer._tp, _damaged(first, last, _words(error)))
            if isinstance(batch, Exception):
                return  # where the next one begins is not known either; the broker says it when it is asked
        batch = following


def _next(answer: Any) -> Any:
    records = answer._records
    try:
        return records.next_batch() if records.has_next() else None
    except CorruptRecordException as error:
        return error


def _records(answer: Any, batch: Any, began: int, refused: _Refused) -> Iterator[ConsumerRecord[Any, Any]]:
    if isinstance(batch, Exception):
        raise batch
    if not batch.validate_crc():
        raise WrongChecksum("the bytes are not those that were sent")
    if error := refused.pop((answer._tp, getattr(batch, "base_offset", -1)), None):
        raise error
    for record in () if batch.is_control_batch else batch:
        if record.offset < began:
            continue  # the broker sends whole batches
        if not answer.next_fetch_offset <= record.offset < batch.next_offset:
            raise CorruptRecordException(f"a record claims offset {record.offset}")
        answer.next_fetch_offset = record.offset + 1
        yield answer._consumer_record(answer._tp, record)
    answer.next_fetch_offset = batch.next_offset


class WrongChecksum(CorruptRecordException):
    """Nothing that the batch says of itself can be believed."""


def _last_of(batch: Any, following: Any, highwater: int, error: Exception) -> int:
    """The last offset that is surely the batch's; 0 where nothing is sure but where it begins."""
    claimed: int = getattr(batch, "next_offset", 1) - 1
    if not isinstance(error, WrongChecksum) or claimed + 1 == highwater:
        return claimed
    # One that cannot be believed ends before the next, if that came along; else the broker is asked again.
    return min(claimed, getattr(following, "base_offset", 1) - 1)


def _damaged(first: int, last: int, cause: str) -> Unread:
    return Unread(first, last, is_expired=False, cause=cause)


def _expired(first: int, last: int) -> Unread:
    cause = "deleted by retention, or by the broker's limit of size, before this group had read them"
    return Unread(first, last, is_expired=True, cause=cause)


def _record(tp: TopicPartition, unread: Unread) -> ConsumerRecord[Any, Any]:
    value = _Notice()
    value.unread = unread
    return ConsumerRecord(tp.topic, tp.partition, unread.last, _NO_TIME, 0, None, value, None, -1, 0, ())


def _words(error: Exception) -> str:
    # Not str(): aiokafka's errors put their number and their name in front.
    said = " ".join(map(str, error.args))
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
