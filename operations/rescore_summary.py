"""Summary of a rescore: old tags beside new ones, label by label."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from schemas.records import ImageHead
from schemas.tags import Verdict


@dataclass(slots=True)
class LabelChanges:
    """One label's images before and after, by what the models said."""

    before: int = 0
    after: int = 0
    gained: int = 0
    lost: int = 0


@dataclass(slots=True)
class Summary:
    """Counts of what became of the images that were sent."""

    labels: dict[str, LabelChanges] = field(default_factory=dict)
    rescored: int = 0
    changed: int = 0
    """Images whose tags are others than before."""
    unfinished: int = 0
    """Images that still lack scores of the version: gone meanwhile, in the dead letters, or not yet done."""

    def add(self, before: Iterable[str], head: ImageHead | None, *, version: str) -> None:
        """Account for one image, which had the tags `before`."""
        if head is None or head.scores is None or head.scores.model.version != version:
            self.unfinished += 1
            return
        old, new = set(before), set(tags(head.judged))
        self.rescored += 1
        self.changed += old != new
        for label in old | new:
            change = self.labels.setdefault(label, LabelChanges())
            change.before += label in old
            change.after += label in new
            change.gained += label in new - old
            change.lost += label in old - new


@dataclass(frozen=True, slots=True)
class Plan:
    """What a replay would do, before it does it."""

    read: int
    """Messages."""
    images: int
    choices: Mapping[str, int]
    """Images by what becomes of them."""
    unreadable: int
    """Messages that are no events; the workers put them into the dead letters when they came."""


def tags(verdict: Verdict | None) -> tuple[str, ...]:
    """The labels that hold, none where nothing was scored."""
    return verdict.tagged if verdict else ()
