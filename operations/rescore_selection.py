"""Selection of images to rescore, the start of the reading, and the list of those that were sent."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Final, Protocol

from pydantic import TypeAdapter, ValidationError

from agents.bounded_times import NEVER
from agents.transitions import joined
from schemas.claims import Claim, Claims
from schemas.errors import ConfigurationError
from schemas.records import ImageHead, State
from schemas.uploads import Moment


class RescoreChoice(StrEnum):
    """What is to become of an image."""

    SEND = "send"
    SCORED = "scored"
    """It has scores of the wanted version."""
    DECIDE = "decide"
    """It has them, and is sent to be decided on anew."""
    REMOVED = "removed"
    """It was withdrawn: nobody resurrects it."""
    ELSEWHERE = "elsewhere"
    """It is another restaurant's."""
    TAGGED = "tagged"
    """It has scores of some version, and only images without any are wanted."""


SENT: Final = frozenset({RescoreChoice.SEND, RescoreChoice.DECIDE})


@dataclass(frozen=True, slots=True)
class RescoreSelection:
    """Which images a replay is about."""

    version: str
    """The model version whose scores they shall have."""
    restaurant_id: str | None = None
    only_missing: bool = False
    """Only images that no version has ever scored."""
    decide_again: bool = False
    """Also images that have the scores: they are decided on anew."""

    def choose(
        self, claims: Claims, head: ImageHead | None, *, horizon: datetime = NEVER
    ) -> tuple[RescoreChoice, Claim]:
        """What becomes of the image, and the claim that stands; a worker takes none beyond `horizon`."""
        known = joined(head, claims, horizon=horizon)
        standing = known.current
        return self._choice(known, head, standing), standing

    def _choice(self, known: Claims, head: ImageHead | None, standing: Claim) -> RescoreChoice:
        if standing.is_removal or (head and head.state is State.DELETED and _answers(head, standing)):
            return RescoreChoice.REMOVED
        if self.restaurant_id and self.restaurant_id != _restaurant(known, head):
            return RescoreChoice.ELSEWHERE
        if head is None or head.scores is None or not _answers(head, standing):
            return RescoreChoice.SEND
        if head.scores.model.version == self.version:
            return RescoreChoice.DECIDE if self.decide_again else RescoreChoice.SCORED
        return RescoreChoice.TAGGED if self.only_missing else RescoreChoice.SEND


def _answers(head: ImageHead, standing: Claim) -> bool:
    return head.position.is_same(standing.position)


def _restaurant(known: Claims, head: ImageHead | None) -> str | None:
    return known.restaurant_id or (head.restaurant_id if head else None)


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
                f"--from {text}: say `earliest`, a time as in 2026-05-01T00:00Z, or offsets as in 0:120,1:98"
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


class SentImages:
    """Appended to while the lane is fed, read when it is done."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, images: Iterable[tuple[str, tuple[str, ...]]]) -> None:
        """Remember images and the tags that they have now."""
        with self._path.open("a") as lines:
            lines.writelines(json.dumps([image_id, tags]) + "\n" for image_id, tags in images)

    def pages(self, size: int) -> Iterator[dict[str, tuple[str, ...]]]:
        """All of them, `size` a page."""
        if not self._path.exists():
            return
        with self._path.open() as lines:
            while page := dict(map(json.loads, islice(lines, size))):
                yield page
