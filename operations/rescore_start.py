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
        """Where to begin in each partition; one that the offsets do not name is left out."""
        if self.offsets is not None:
            return dict(self.offsets)
        return await (topic.oldest() if self.moment is None else topic.offsets_for(self.moment))


def _offsets(text: str) -> dict[int, int]:
    """The offsets by partition; empty where `text` is something else."""
    pairs = [part.split(":") for part in text.split(",")]
    if not all(len(pair) == 2 and pair[0].isdigit() and pair[1].isdigit() for pair in pairs):  # noqa: PLR2004 - a pair
        return {}
    return {int(partition): int(offset) for partition, offset in pairs}
