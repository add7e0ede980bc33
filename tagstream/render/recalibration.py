"""What is said of a version whose temperature, thresholds and refusal were chosen by a command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from tagstream.render.figures import show_report

if TYPE_CHECKING:
    from model.evaluation.recalibrating import Recalibrated

SPLIT: Final = "val"
"""Chosen by, never what is reported on."""

Output = Annotated[Path, typer.Option(help="The new version's folder, NAME-VERSION; versions never change.")]
Recalls = Annotated[
    list[str] | None,
    typer.Option(help="Of true tags found, for all labels or LABEL=SHARE; may be repeated."),
]
Precisions = Annotated[
    list[str] | None, typer.Option(help="Of tags that are true, for all labels or LABEL=SHARE.")
]


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
    show_report(SPLIT, made.report)
    manifest = made.manifest
    said = ", ".join(f"{label} {threshold:.2f}" for label, threshold in manifest.thresholds.items())
    typer.echo(
        f"temperature {manifest.temperature:g}, thresholds {said}, refusal {manifest.refusal:g}; "
        f"version written to {output}"
    )
