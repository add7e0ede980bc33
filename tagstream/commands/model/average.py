"""`tagstream model average`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from tagstream.commands.model.options import Output, Precisions, Recalls, resolve, targets
from tagstream.render.progress import phases
from tagstream.render.recalibration import document, show


def average(  # noqa: PLR0913, PLR0917 - one parameter an option
    versions: Annotated[
        list[str],
        typer.Argument(metavar="VERSION...", help="Folders, NAME@ALIAS, or `packaged`; twice counts twice."),
    ],
    photographs: Annotated[
        Path,
        typer.Option("--data", metavar="DATA", help="Snapshot, folder or CSV, as for `train`."),
    ],
    output: Output,
    recall: Recalls = None,
    precision: Precisions = None,
    refusal: Annotated[
        float | None, typer.Option(min=0, max=1, help="As for `calibrate`; chosen if absent.")
    ] = None,
    negatives: Annotated[Path | None, typer.Option(help="As for `train`.")] = None,
    notes: Annotated[
        Path | None, typer.Option(help="Markdown for the card: purpose, data, weaknesses.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print one document instead of tables.")] = False,  # noqa: FBT002
) -> None:
    """Write the mean of the weights of several versions, which is served as fast as one, as a new version.

    Of runs that began at the same weights, with other seeds or recipes: their mean often does better on new
    sources than the best of them. Temperature, thresholds and refusal are chosen on `val`, as by `train`, or
    for a stated recall or precision, as by `calibrate`. Look whether it is better: `model compare`.

    Example:
      tagstream model average runs/a-v1 runs/b-v1 --data labels.csv --output runs/restaurant-v2
    """
    from model import checkpoint
    from operations import recalibrate

    folders = [resolve(version) for version in versions]
    labels = checkpoint.read_manifest(folders[0]).labels
    wanted = targets(recall or (), precision or (), labels=labels) if recall or precision else {}
    request = recalibrate.RecalibrateRequest(
        output=output,
        data=photographs,
        negatives=negatives,
        targets=wanted,
        refusal=refusal,
        device=device,
    )
    with phases() as tick:
        made = recalibrate.average(folders, request, notes=notes, tick=tick)
    for line in made.decision.missed:
        typer.echo(f"not reached: {line}", err=True)
    typer.echo(json.dumps(document(made))) if as_json else show(made, output=output)
