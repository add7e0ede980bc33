"""A recalibrated version in the terminal: its figures and what was chosen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from tagstream.render.figures import show_report

if TYPE_CHECKING:
    from model.evaluation.recalibrating import Recalibrated


def document(made: Recalibrated) -> dict[str, object]:
    """For scripts."""
    return {
        "model": made.manifest.ref.model_dump(),
        "temperature": made.manifest.temperature,
        "thresholds": dict(made.manifest.thresholds),
        "refusal": made.manifest.refusal,
        "chosen_for": {label: dict(wish) for label, wish in made.manifest.chosen_for.items()},
        "missed": list(made.decision.missed),
        "report": made.report.as_json(),
    }


def show(made: Recalibrated, *, output: Path) -> None:
    """For people: its figures, then what was chosen."""
    from operations.recalibrate import SPLIT

    show_report(SPLIT, made.report)
    manifest = made.manifest
    thresholds = ", ".join(f"{label} {threshold:.2f}" for label, threshold in manifest.thresholds.items())
    typer.echo(
        f"temperature {manifest.temperature:g}, thresholds {thresholds}, refusal {manifest.refusal:g}; "
        f"version written to {output}"
    )
