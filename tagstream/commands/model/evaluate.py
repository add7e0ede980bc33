"""`tagstream model evaluate`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from tagstream.model.figures import show_report


def evaluate(  # noqa: PLR0913, PLR0917 - one parameter an option
    photographs: Annotated[Path, typer.Argument(metavar="DIR|CSV", help="As for `train`.")],
    model: Annotated[
        Path | None, typer.Option(help="A version's folder; the packaged one if absent.")
    ] = None,
    negatives: Annotated[Path | None, typer.Option(help="As for `train`.")] = None,
    split: Annotated[str, typer.Option(help="train, val or test.")] = "test",
    record: Annotated[bool, typer.Option(help="Add the report to the version's card and manifest.")] = False,  # noqa: FBT002
    as_json: Annotated[bool, typer.Option("--json", help="Print one document instead of tables.")] = False,  # noqa: FBT002
) -> None:
    """Judge a version on photographs whose tags are known, through the path that serves.

    Example:
      tagstream model evaluate labels.csv --negatives other.csv --split val
    """
    from model.checkpoint import PACKAGED  # noqa: PLC0415
    from model.classifier import Classifier  # noqa: PLC0415
    from model.data import dataset  # noqa: PLC0415
    from model.evaluation import judging  # noqa: PLC0415
    from model.training import publishing  # noqa: PLC0415
    from schemas.errors import ConfigurationError  # noqa: PLC0415

    if split not in {"train", "val", "test"}:
        raise ConfigurationError(f"--split: {split!r} is not train, val or test")
    folder = model or PACKAGED
    chosen = dataset.read(photographs, negatives=negatives).of(dataset.Split(split))
    report = judging.judge(Classifier.load(folder), chosen)
    if record:
        publishing.record(folder, split, report=report)
    typer.echo(json.dumps(report.as_json())) if as_json else show_report(split, report)
