"""Diff of two versions over images that both have scored: what is another tag, label by label, and for whom.

It is folded image by image, and stands in the document of who compares (a shadow replay's job, a rollout): a
report reads no image again. Two diffs of different images are joined into one (a commutative monoid but for
the images that are kept by name, of which the farthest stay).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from pydantic import Field

from schemas.tags import Probability, Value
from schemas.uploads import Location

MOVERS: Final = 24
"""Images that are kept by name: those whose probabilities moved the most."""

FLIPS: Final = 200
"""Pairs of tags before and after that are told apart; the rest is a number."""


_BECAME: Final = {
    (True, True): "kept",
    (True, False): "removed",
    (False, True): "added",
    (False, False): "neither",
}
"""Of a tag, by whether it held before and would after."""


class LabelDiff(Value):
    """One label over all images."""

    kept: int = 0
    """Held before, and would after."""
    added: int = 0
    removed: int = 0
    neither: int = 0
    shift: float = 0.0
    """Sum of the probabilities' changes."""
    distance: float = 0.0
    """Sum of their sizes."""

    @classmethod
    def of(cls, *, before: bool, after: bool, moved: float) -> LabelDiff:
        """Of one image."""
        return cls.model_validate({_BECAME[before, after]: 1, "shift": moved, "distance": abs(moved)})

    @property
    def images(self) -> int:
        """That both versions have said the label of."""
        return self.kept + self.added + self.removed + self.neither

    @property
    def flips(self) -> int:
        """On which the tag would change."""
        return self.added + self.removed

    def joined(self, other: LabelDiff) -> LabelDiff:
        """Of the images of both."""
        return LabelDiff(
            kept=self.kept + other.kept,
            added=self.added + other.added,
            removed=self.removed + other.removed,
            neither=self.neither + other.neither,
            shift=self.shift + other.shift,
            distance=self.distance + other.distance,
        )


class Mover(Value):
    """An image whose probability of a label moved far."""

    image_id: str
    location: Location
    label: str
    before: Probability
    after: Probability
    tags_before: tuple[str, ...]
    tags_after: tuple[str, ...]

    @property
    def distance(self) -> float:
        """How far."""
        return abs(self.after - self.before)


class Agreement(Value):
    """What people had decided on images of which a tag would flip: whom of the two they agree with."""

    with_before: int = 0
    with_after: int = 0
    with_neither: int = 0

    @property
    def images(self) -> int:
        """That somebody has decided on."""
        return self.with_before + self.with_after + self.with_neither

    def joined(self, other: Agreement) -> Agreement:
        """Of the images of both."""
        return Agreement(
            with_before=self.with_before + other.with_before,
            with_after=self.with_after + other.with_after,
            with_neither=self.with_neither + other.with_neither,
        )


class VersionDiff(Value):
    """Of all images so far."""

    images: int = 0
    """That both versions have scored."""
    first: int = 0
    """That only the new one has scored."""
    changed: int = 0
    """Of which any tag would be another."""
    labels: Mapping[str, LabelDiff] = Field(default_factory=dict)
    flips: Mapping[str, int] = Field(default_factory=dict)
    """Images by `tags before -> tags after`, of those that would change."""
    other_flips: int = 0
    """Of rarer pairs."""
    movers: tuple[Mover, ...] = ()
    """The farthest first."""
    people: Agreement = Agreement()

    def joined(self, other: VersionDiff) -> VersionDiff:
        """Of the images of both."""
        flips = Counter(self.flips)
        flips.update(other.flips)
        told = dict(flips.most_common(FLIPS))
        return VersionDiff(
            images=self.images + other.images,
            first=self.first + other.first,
            changed=self.changed + other.changed,
            labels=_labels(self.labels, other.labels),
            flips=told,
            other_flips=self.other_flips + other.other_flips + flips.total() - sum(told.values()),
            movers=farthest((*self.movers, *other.movers)),
            people=self.people.joined(other.people),
        )


def farthest(movers: Iterable[Mover]) -> tuple[Mover, ...]:
    """Those that are kept."""
    return tuple(sorted(movers, key=lambda each: (-each.distance, each.image_id))[:MOVERS])


def _labels(one: Mapping[str, LabelDiff], other: Mapping[str, LabelDiff]) -> dict[str, LabelDiff]:
    nothing = LabelDiff()
    names = dict.fromkeys((*one, *other))
    return {name: one.get(name, nothing).joined(other.get(name, nothing)) for name in names}
