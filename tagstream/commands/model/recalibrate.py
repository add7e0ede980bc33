"""`tagstream model calibrate` and `tagstream model average`: new versions of weights that are there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tagstream.commands import options
from tagstream.commands.options import resolve, targets
from tagstream.render import recalibration as render
from tagstream.render.progress import phases

if TYPE_CHECKING:
    from model.evaluation.recalibrating import Recalibrated


def calibrate(  # noqa: PLR0913, PLR0917 - one parameter an option
    version: options.Version,
    photographs: options.Data,
    output: options.Output,
    recall: options.Recalls = None,
    precision: options.Precisions = None,
    f1: options.HighestF1s = None,
    threshold: options.FixedThresholds = None,
    refusal: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="No tag where no label reaches this; chosen on negatives if absent."),
    ] = None,
    negatives: options.Negatives = None,
    device: options.Device = "auto",
    as_json: options.Json = False,  # noqa: FBT002
) -> None:
    """Choose a version's temperature and thresholds anew on `val`, as a new version of the same weights.

    A label for which nothing is said gets the highest threshold that keeps 98 % of its true tags, within 0.20
    to 0.50. With negatives, the refusal is chosen too: a photograph on which no label reaches it is none of
    them and gets no tag; at most 1.5 % of the labelled ones may be lost to it, and no recall that was asked
    for; a --refusal that makes one impossible is an error. What cannot be reached otherwise is said, and kept
    in the new version's manifest beside what was wanted; so is a --threshold that you set. What is a maybe of
    a photograph counts neither way, and a photograph that may show something is not what refusal is for.

    Examples:
      tagstream model calibrate packaged labels.csv --recall 0.98 --precision menu=0.95 --output runs/new-v2

      tagstream model calibrate packaged labels.csv --recall 0.98 --f1 food --f1 ambiance --output runs/new-v2

      tagstream model calibrate packaged labels.csv --threshold 0.4 --threshold menu=0.6 --output runs/new-v2
    """
    from model import checkpoint
    from model.evaluation import recalibrating
    from operations import recalibrate

    folder = resolve(version)
    labels = checkpoint.read_manifest(folder).labels
    wanted = targets(recall or (), precision or (), threshold or (), f1 or (), labels=labels)
    asked = recalibrate.asked(output, photographs, negatives=negatives, targets=wanted, refusal=refusal)
    with phases() as tick:
        made = recalibrating.recalibrate(folder, output, asked=asked, device=device, tick=tick)
    _show(made, output, as_json=as_json)


def average(  # noqa: PLR0913, PLR0917 - one parameter an option
    versions: Annotated[
        list[str],
        typer.Argument(metavar="VERSION...", help="Folders, NAME@ALIAS, or `packaged`; twice counts twice."),
    ],
    photographs: Annotated[
        Path,
        typer.Option("--data", metavar="DATA", help="Snapshot, folder or CSV, as for `train`."),
    ],
    output: options.Output,
    recall: options.Recalls = None,
    precision: options.Precisions = None,
    f1: options.HighestF1s = None,
    threshold: options.FixedThresholds = None,
    refusal: Annotated[
        float | None, typer.Option(min=0, max=1, help="As for `calibrate`; chosen if absent.")
    ] = None,
    negatives: options.Negatives = None,
    notes: Annotated[
        Path | None, typer.Option(help="Markdown for the card: purpose, data, weaknesses.")
    ] = None,
    device: options.Device = "auto",
    as_json: options.Json = False,  # noqa: FBT002
) -> None:
    """Write the mean of the weights of several versions, which is served as fast as one, as a new version.

    Of runs that began at the same weights, with other seeds or recipes: their mean often does better on new
    sources than the best of them. Temperature, thresholds and refusal are chosen on `val`, as by `train`, or
    for a stated recall or precision, as by `calibrate`. Look whether it is better: `model compare`.

    Example:
      tagstream model average runs/a-v1 runs/b-v1 --data labels.csv --output runs/restaurant-v2
    """
    from model import checkpoint
    from model.evaluation import averaging
    from operations import recalibrate

    folders = [resolve(version) for version in versions]
    labels = checkpoint.read_manifest(folders[0]).labels
    said = (recall or (), precision or (), threshold or (), f1 or ())
    wanted = targets(*said, labels=labels) if any(said) else {}
    text = recalibrate.notes(notes)
    asked = recalibrate.asked(output, photographs, negatives=negatives, targets=wanted, refusal=refusal)
    with phases() as tick:
        made = averaging.average(folders, output, asked=asked, notes=text, device=device, tick=tick)
    _show(made, output, as_json=as_json)


def _show(made: Recalibrated, output: Path, *, as_json: bool) -> None:
    for line in made.decision.missed:
        typer.echo(f"not reached: {line}", err=True)
    typer.echo(json.dumps(render.document(made))) if as_json else render.show(made, output=output)
