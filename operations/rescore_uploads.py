"""The uploads topic as a source of images: read by assignment, in no group, and joined by image on disk.

A runner that takes a job over reads the same range once more, up to the ends that the job's document fixed;
pages go in the order of image ids, so the checkpoint means the same to each.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from agents import bounded_times
from agents.bounded_times import ClockLimits
from operations.rescore_latest import TOGETHER, LatestClaims
from operations.rescore_sources import SourcePage, Wanted
from operations.rescore_start import Offsets
from schemas import topics, wire
from schemas.claims import Claim, Claims
from schemas.errors import ConfigurationError
from schemas.naming import Naming
from schemas.rescore_jobs import FromUploads
from schemas.uploads import Position
from streams.message import Message


class UploadsTopic(Offsets, Protocol):
    """The uploads topic, read by assignment; `TopicReader` is one."""

    async def beginnings(self) -> dict[int, int]:
        """The offset of each partition's oldest record."""

    def read(self, start: Mapping[int, int], until: Mapping[int, int]) -> AsyncIterator[Message]:
        """Every record between."""


Tick = Callable[[int, int], None]
"""Told how many messages are read, and of how many."""


class UploadsSource:
    """The images of a range of the topic, each with the claims that its events join to."""

    def __init__(  # noqa: PLR0913 - how messages are read
        self,
        topic: UploadsTopic,
        asked: FromUploads,
        scratch: Path,
        *,
        naming: Naming | None = None,
        clock: ClockLimits | None = None,
        together: int = TOGETHER,
    ) -> None:
        self._topic = topic
        self._asked = asked
        self._naming = naming or Naming()
        self._clock = clock or ClockLimits()
        self._latest = LatestClaims(scratch, together=together)
        self.read = 0
        """Messages."""
        self.unreadable = 0
        """Of them no events, or dated ahead: the workers put them into the dead letters when they came."""
        self.total: int | None = None

    def __enter__(self) -> Self:
        self._latest.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._latest.__exit__(kind, error, trace)

    async def gather(self, tick: Tick) -> None:
        """Read the range; raises `ConfigurationError` where retention has deleted some of it, or does now."""
        begin, end = self._asked.begin, self._asked.end
        following = dict(begin)
        await self._refuse_gone(following)
        self.read = self.unreadable = 0  # it may have been begun before, and broken off
        total = sum(max(0, end[number] - offset) for number, offset in begin.items() if number in end)
        async for message in self._topic.read(begin, end):
            if message.offset > following[message.partition]:
                await self._refuse_gone(following)
            following[message.partition] = message.offset + 1
            self._add(message)
            tick(self.read, total)
        await self._refuse_gone(following)
        self.total = len(self._latest)

    async def page(self, after: str, *, limit: int) -> SourcePage | None:
        """See `ImageSource.page`."""
        found = self._latest.page(after, limit)
        return SourcePage(found, max(found)) if found else None

    async def again(self, image_ids: Collection[str]) -> Wanted:
        """See `ImageSource.again`."""
        return self._latest.of(image_ids)

    async def _refuse_gone(self, following: Mapping[int, int]) -> None:
        """A reader begins at what is left, in silence: only the offset that should follow tells."""
        if not self._asked.accepts_gone:
            left = self._asked.model_copy(update={"begin": following})
            refuse_gone(left, await self._topic.beginnings())

    def _add(self, message: Message) -> None:
        records = wire.decode(message.value, dict(message.headers), self._naming)
        self.unreadable += any(isinstance(record, wire.Invalid) for record in records)
        for image_id, claim in _claims(message, records):
            if self._is_ahead(message, claim):
                self.unreadable += 1  # a worker has refused it
            else:
                self._latest.add(image_id, Claims.of(claim))
        self.read += 1

    def _is_ahead(self, message: Message, claim: Claim) -> bool:
        now, moment = datetime.now(UTC), claim.position.uploaded_at
        return bool(bounded_times.refusal("uploaded_at", moment, message, now=now, limits=self._clock))


def refuse_gone(asked: FromUploads, beginnings: Mapping[int, int]) -> None:
    """Raise `ConfigurationError` where records of the range are gone: how many, by partition."""
    ends = {number: min(begin, asked.end.get(number, 0)) for number, begin in beginnings.items()}
    gone = {number: ends.get(number, 0) - offset for number, offset in asked.begin.items()}
    if gone := {number: count for number, count in gone.items() if count > 0}:
        counts = ", ".join(f"{count:,} of partition {number}" for number, count in sorted(gone.items()))
        raise ConfigurationError(
            f"{topics.UPLOADED}: retention has deleted {sum(gone.values()):,} records of what is asked for"
            f" ({counts}): `--from store` goes by what the store knows instead (from the checkpoint on:"
            " `tagstream replay resume JOB --from-store`); --accept-gone goes on with those that are left"
        )


def _claims(message: Message, records: tuple[wire.Record, ...]) -> Iterator[tuple[str, Claim]]:
    """What the message claims of which images; a removal that nobody has looked into claims nothing."""
    for record in records:
        match record:
            case wire.Uploaded(event) | wire.Removed(event, if_gone=False):
                yield event.image_id, Claim.of(event, Position.of(event, message.origin, record.sequencer))
