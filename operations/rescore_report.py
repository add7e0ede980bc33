"""Report of a shadow replay: what the version would change, with intervals, and what people had said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from model.evaluation.shares import Share
from schemas.errors import ConfigurationError
from schemas.rescore_jobs import RescoreJob
from schemas.version_diff import LabelDiff, VersionDiff

MOST_FLIPS: Final = 0.05
"""Of the images, on which a label may flip without anybody's accepting it."""


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


@dataclass(frozen=True, slots=True)
class RescoreReport:
    """All labels, the most flipped first."""

    job: RescoreJob
    diff: VersionDiff
    rows: tuple[LabelRow, ...]
    most: float

    @property
    def over(self) -> tuple[LabelRow, ...]:
        """Labels that flip on more images than may pass unsaid."""
        return tuple(row for row in self.rows if row.is_over)

    @property
    def agreement(self) -> Share:
        """Of the changed images of which people had said the tags: those that would be as they said."""
        return Share(self.diff.people.with_after, self.diff.people.images)

    def refuse_flips(self) -> None:
        """Pass if no label flips too often, else raise `ConfigurationError`."""
        if self.over:
            named = ", ".join(f"{row.label} on {row.flips.value:.1%}" for row in self.over)
            raise ConfigurationError(
                f"replay {self.job.id} would flip {named} of the images, and more than {self.most:.0%} want"
                f" somebody to have looked: `tagstream replay report {self.job.id}`, then --accept"
            )

    def document(self) -> dict[str, Any]:
        """As plain values."""
        diff = self.diff
        return {
            "job": self.job.id,
            "model_version": self.job.model_version,
            "state": self.job.state,
            "images": diff.images,
            "first_scores": diff.first,
            "changed": diff.changed,
            "labels": [row.document() for row in self.rows],
            "flips": dict(diff.flips),
            "other_flips": diff.other_flips,
            "people": diff.people.model_dump(),
            "movers": [each.model_dump(mode="json") for each in diff.movers],
            "most_flips": self.most,
            "may_be_published": not self.over,
        }


def of(job: RescoreJob, *, most: float = MOST_FLIPS) -> RescoreReport:
    """That of a shadow, as far as it has come. Raises `ConfigurationError` where there is none."""
    if job.diff is None:
        raise ConfigurationError(
            f"replay {job.id} has nothing to compare: only one that was started with --shadow has, once it"
            " has scored something"
        )
    rows = (
        LabelRow(label, diff, Share(diff.flips, diff.images).value > most)
        for label, diff in job.diff.labels.items()
    )
    in_order = sorted(rows, key=lambda row: (-row.flips.value, row.label))
    return RescoreReport(job, job.diff, tuple(in_order), most)
