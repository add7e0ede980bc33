"""Diff of two versions over the images of a shadow replay: what would change, label by label, and for whom.

It is folded image by image, and stands in the job's document: a report reads no image again.
"""

from __future__ import annotations

from collections.abc import Mapping
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

    @property
    def images(self) -> int:
        """That both versions have said the label of."""
        return self.kept + self.added + self.removed + self.neither

    @property
    def flips(self) -> int:
        """On which the tag would change."""
        return self.added + self.removed

    def with_image(self, *, before: bool, after: bool, moved: float) -> LabelDiff:
        """With one image more."""
        changed = _BECAME[before, after]
        return self.model_copy(
            update={
                changed: getattr(self, changed) + 1,
                "shift": self.shift + moved,
                "distance": self.distance + abs(moved),
            }
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


class RescoreDiff(Value):
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
