"""Report of a shadow replay: what the version would change, with intervals, and what people had said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from model.evaluation.shares import Share
from operations import label_rows
from operations.label_rows import LabelRow
from schemas.errors import ConfigurationError
from schemas.rescore_jobs import RescoreJob
from schemas.version_diff import VersionDiff

MOST_FLIPS: Final = 0.05
"""Of the images, on which a label may flip without anybody's accepting it."""


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
        job = self.job
        return {
            "job": job.id,
            "model_version": job.model_version,
            "state": job.state,
            **label_rows.document(self.diff, self.rows),
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
    return RescoreReport(job, job.diff, label_rows.rows(job.diff, most=most), most)
