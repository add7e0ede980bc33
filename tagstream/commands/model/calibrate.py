"""`tagstream model calibrate`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from tagstream.commands.model.options import Output, Precisions, Recalls, resolve, targets
from tagstream.render.progress import phases
from tagstream.render.recalibration import document, show


def calibrate(  # noqa: PLR0913, PLR0917 - one parameter an option
    version: Annotated[
        str, typer.Argument(metavar="VERSION", help="A version's folder, NAME@ALIAS, or `packaged`.")
    ],
    photographs: Annotated[
        Path, typer.Argument(metavar="DATA", help="Snapshot, folder or CSV, as for `train`.")
    ],
    output: Output,
    recall: Recalls = None,
    precision: Precisions = None,
    refusal: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="No tag where no label reaches this; chosen on negatives if absent."),
    ] = None,
    negatives: Annotated[Path | None, typer.Option(help="As for `train`.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print one document instead of tables.")] = False,  # noqa: FBT002
) -> None:
    """Choose a version's temperature and thresholds anew on `val`, as a new version of the same weights.

    A label for which nothing is said gets the highest threshold that keeps 98 % of its true tags, within 0.20
    to 0.50. With negatives, the refusal is chosen too: a photograph on which no label reaches it is none of
    them and gets no tag; at most 1.5 % of the labelled ones may be lost to it. What cannot be reached is
    said, and kept in the new version's manifest beside what was wanted.

    Example:
      tagstream model calibrate packaged labels.csv --recall 0.98 --precision menu=0.95 --output runs/new-v2
    """
    from model import checkpoint
    from operations import recalibrate

    folder = resolve(version)
    labels = checkpoint.read_manifest(folder).labels
    wanted = targets(recall or (), precision or (), labels=labels)
    request = recalibrate.RecalibrateRequest(
        output=output,
        data=photographs,
        negatives=negatives,
        targets=wanted,
        refusal=refusal,
        device=device,
    )
    with phases() as tick:
        made = recalibrate.calibrate(folder, request, tick=tick)
    for line in made.decision.missed:
        typer.echo(f"not reached: {line}", err=True)
    typer.echo(json.dumps(document(made))) if as_json else show(made, output=output)
