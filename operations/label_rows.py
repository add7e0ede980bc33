"""Rows of a version diff: label by label how often a tag comes and goes, with intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from model.evaluation.shares import Share
from schemas.version_diff import LabelDiff, VersionDiff


@dataclass(frozen=True, slots=True)
class LabelRow:
    """One label."""

    label: str
    diff: LabelDiff
    is_over: bool
    """It flips on more images than may pass unsaid."""

    @property
    def flips(self) -> Share:
        """Images on which it would flip."""
        return Share(self.diff.flips, self.diff.images)

    @property
    def shift(self) -> float:
        """Mean change of its probability."""
        return self.diff.shift / self.diff.images if self.diff.images else 0.0

    @property
    def distance(self) -> float:
        """Mean size of the change."""
        return self.diff.distance / self.diff.images if self.diff.images else 0.0

    def document(self) -> dict[str, Any]:
        """As plain values."""
        low, high = self.flips.interval
        counts = {name: getattr(self.diff, name) for name in ("kept", "added", "removed", "neither")}
        return {
            "label": self.label,
            **counts,
            "flip_rate": self.flips.value,
            "flip_rate_interval": [low, high],
            "mean_shift": self.shift,
            "mean_distance": self.distance,
            "is_over": self.is_over,
        }


def rows(diff: VersionDiff, *, most: float) -> tuple[LabelRow, ...]:
    """Of all labels, the most flipped first; `most` is the share of images on which one may flip."""
    found = (
        LabelRow(label, each, Share(each.flips, each.images).value > most)
        for label, each in diff.labels.items()
    )
    return tuple(sorted(found, key=lambda row: (-row.flips.value, row.label)))


def document(diff: VersionDiff, found: tuple[LabelRow, ...]) -> dict[str, Any]:
    """The diff as plain values."""
    return {
        "images": diff.images,
        "first_scores": diff.first,
        "changed": diff.changed,
        "labels": [row.document() for row in found],
        "flips": dict(diff.flips),
        "other_flips": diff.other_flips,
        "people": diff.people.model_dump(),
        "movers": [each.model_dump(mode="json") for each in diff.movers],
    }
