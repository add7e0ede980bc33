"""Report of a rollout: what the two versions disagree on, how fast each is, and how near each guard is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from agents import rollout_guards
from model.evaluation.shares import Share
from operations import label_rows
from operations.label_rows import LabelRow
from schemas.rollouts import ModelRollout


@dataclass(frozen=True, slots=True)
class GuardRow:
    """One guard."""

    name: str
    found: str
    most: str
    images: int
    """That it goes by."""
    minimum: int
    """Below which it says nothing."""


@dataclass(frozen=True, slots=True)
class RolloutReport:
    """All of it."""

    rollout: ModelRollout
    rows: tuple[LabelRow, ...]
    guards: tuple[GuardRow, ...]

    def document(self) -> dict[str, Any]:
        """As plain values."""
        rollout = self.rollout
        counts = rollout.counts
        known = rollout.model_dump(mode="json", exclude={"counts"})
        return {
            **known,
            **label_rows.document(counts.diff, self.rows),
            "errors": counts.errors,
            "last_error": counts.last_error,
            "passed_over": counts.passed_over,
            "p95_seconds": {
                "serving": counts.serving_seconds.quantile(rollout_guards.P95),
                "new": counts.new_seconds.quantile(rollout_guards.P95),
            },
            "slowdown": rollout_guards.slowdown(rollout),
        }


def of(rollout: ModelRollout) -> RolloutReport:
    """As far as it has come."""
    rows = label_rows.rows(rollout.counts.diff, most=rollout.guards.flips)
    return RolloutReport(rollout, rows, tuple(_guards(rollout, rows)))


def _guards(rollout: ModelRollout, rows: tuple[LabelRow, ...]) -> list[GuardRow]:
    counts, guards = rollout.counts, rollout.guards
    failures, disagree = rollout_guards.failures(rollout), rollout_guards.disagreements(rollout)
    flips = rows[0].flips if rows else Share(0, 0)
    found = [
        GuardRow(
            "errors",
            str(failures),
            f"{guards.errors:.1%}",
            failures.hits,
            rollout_guards.FEWEST,
        ),
        GuardRow("flips of a label", str(flips), f"{guards.flips:.1%}", flips.of, guards.minimum),
        GuardRow(
            "people disagree", str(disagree), f"{guards.disagreement:.0%}", disagree.of, rollout_guards.FEWEST
        ),
    ]
    if rollout.is_canary:
        times = rollout_guards.slowdown(rollout)
        images = min(counts.serving_seconds.count, counts.new_seconds.count)
        said = "-" if times is None else f"{times:.2f} times"
        found.append(GuardRow("p95 of its time", said, f"{guards.slower:g} times", images, guards.minimum))
    return found
