"""Start of a job in the uploads topic: the beginning, a moment, or an offset a partition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pydantic import TypeAdapter, ValidationError

from schemas.errors import ConfigurationError
from schemas.uploads import Moment

_MOMENT = TypeAdapter(Moment)


class Offsets(Protocol):
    """A topic that can say where its records are; `TopicReader` can."""

    async def oldest(self) -> dict[int, int]:
        """The offset of each partition's oldest record; says how many there were before that."""

    async def ends(self) -> dict[int, int]:
        """The offset behind each partition's newest record."""

    async def offsets_for(self, moment: datetime) -> dict[int, int]:
        """The offset of each partition's first record of `moment` or later."""


@dataclass(frozen=True, slots=True)
class Start:
    """The beginning, a moment, or an offset a partition."""

    moment: datetime | None = None
    offsets: Mapping[int, int] | None = None

    @classmethod
    def parse(cls, text: str) -> Start:
        """`earliest`, an ISO 8601 time, or offsets as in `0:120,1:98`; raises `ConfigurationError`."""
        if text == "earliest":
            return cls()
        if offsets := _offsets(text):
            return cls(offsets=offsets)
        try:
            return cls(moment=_MOMENT.validate_python(text))
        except ValidationError as error:
            raise ConfigurationError(
                f"--from {text}: say `earliest`, a time as in 2026-05-01T00:00Z, offsets as in 0:120,1:98,"
                " or `store`"
            ) from error

    async def places(self, topic: Offsets) -> dict[int, int]:
        """Where to begin in each partition; one that the offsets do not name is left out.

        Raises `ConfigurationError` for a partition that there is not, or an offset beyond its end.
        """
        if self.offsets is not None:
            _refuse_beyond(self.offsets, await topic.ends())
            return dict(self.offsets)
        return await (topic.oldest() if self.moment is None else topic.offsets_for(self.moment))


def _refuse_beyond(offsets: Mapping[int, int], ends: Mapping[int, int]) -> None:
    """An offset that nothing was written to yet is a slip: it would ask for nothing, and look well."""
    for number, offset in sorted(offsets.items()):
        if number not in ends:
            known = ", ".join(map(str, sorted(ends)))
            raise ConfigurationError(
                f"--from {number}:{offset}: the uploads topic has the partitions {known}"
            )
        if offset > ends[number]:
            raise ConfigurationError(
                f"--from {number}:{offset}: partition {number} of the uploads topic ends at {ends[number]}"
            )


def _offsets(text: str) -> dict[int, int]:
    """The offsets by partition; empty where `text` is something else."""
    pairs = [part.split(":") for part in text.split(",")]
    if not all(len(pair) == 2 and pair[0].isdigit() and pair[1].isdigit() for pair in pairs):  # noqa: PLR2004 - a pair
        return {}
    return {int(partition): int(offset) for partition, offset in pairs}
