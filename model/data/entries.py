"""Reader entries: photographs as a source gives them, and what had to be refused."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, Self

from model.data.photograph import Photograph, Split

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
"""What Python has in the place of a byte that is not UTF-8."""


class RefusalCause(StrEnum):
    """Why something is not in a snapshot."""

    MISSING = "missing"
    """It is named, and there is no such file or object."""
    UNLABELLED = "unlabelled"
    """A picture of which nobody says what it shows."""
    UNREVIEWED = "unreviewed"
    """A row of a review batch that nobody has looked at."""
    UNREADABLE = "unreadable"
    """The decoder that serves cannot read it either."""
    TOO_SMALL = "too_small"
    DUPLICATE = "duplicate"
    """The same bytes are in the snapshot already, under the same labels."""
    OUTRANKED = "outranked"
    """The same bytes under other labels, which a person has corrected since."""
    CONFLICT = "conflict"
    """The same bytes under other labels, and nobody says which are true."""
    LEFT_OUT = "left_out"
    """All its labels were left out on purpose."""
    NOT_DECIDED = "not_decided"
    """A moderator's word that says nothing of the labels, or that does not hold of these bytes."""


@dataclass(frozen=True, slots=True, order=True)
class Refusal:
    """Something that was left out."""

    place: str
    cause: RefusalCause
    why: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A photograph of one source; nothing of it was read yet."""

    photograph: Photograph
    place: str
    """Where people find it again: its path below the source, its address, or its place in a shard."""
    by_person: bool = False
    """A moderator or a reviewer looked at this very picture: that outranks what a folder says."""

    def on(self, split: Split) -> Entry:
        """The same on that side, unless it says its own."""
        photo = self.photograph
        return self if photo.split else replace(self, photograph=replace(photo, split=split))

    def doubting(self, labels: Collection[str]) -> Entry:
        """The same with maybes of `labels` alone."""
        maybe = tuple(label for label in self.photograph.maybe if label in labels)
        return replace(self, photograph=replace(self.photograph, maybe=maybe))


@dataclass(frozen=True, slots=True)
class Entries:
    """All that was found, and what was not."""

    found: tuple[Entry, ...] = ()
    refused: tuple[Refusal, ...] = ()

    @classmethod
    def of(cls, answers: Iterable[Entry | Refusal]) -> Self:
        """Both, parted; what has a name that nothing could write down is refused."""
        every = tuple(map(_named, answers))
        return cls(
            tuple(each for each in every if isinstance(each, Entry)),
            tuple(each for each in every if isinstance(each, Refusal)),
        )

    def doubting(self, labels: Collection[str]) -> Entries:
        """The same with maybes of `labels` alone."""
        return replace(self, found=tuple(each.doubting(labels) for each in self.found))

    def joined(self, other: Entries) -> Entries:
        """What both have."""
        return Entries(self.found + other.found, self.refused + other.refused)


def _named(answer: Entry | Refusal) -> Entry | Refusal:
    """`answer`, or why its name cannot be kept: bytes that are no text go into no JSON and no page."""
    if not _SURROGATE.search(answer.place):
        return answer
    shown = _SURROGATE.sub(lambda found: f"\\x{ord(found[0]) & 0xFF:02x}", answer.place)
    if isinstance(answer, Refusal):
        return replace(answer, place=shown)
    return Refusal(shown, RefusalCause.UNREADABLE, "its name is not UTF-8; rename it")
