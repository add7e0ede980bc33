"""`tagstream model evaluate`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from model import atomic_folders
from schemas.errors import ConfigurationError
from tagstream.commands import options
from tagstream.commands.options import SplitName, resolve
from tagstream.render import figures
from tagstream.render.figures import show_gap, show_report
from tagstream.render.progress import phases


def evaluate(  # noqa: PLR0913, PLR0917 - one parameter an option
    version: options.Version,
    photographs: options.Data,
    negatives: options.Negatives = None,
    split: Annotated[SplitName, typer.Option(help="The photographs to judge it by.")] = "test",
    against: Annotated[
        SplitName | None, typer.Option(help="Judge it by this split too, and show the gap between the two.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write a page with plots and the worst mistakes as pictures.")
    ] = None,
    record: Annotated[bool, typer.Option(help="Add the report to the version's card and manifest.")] = False,  # noqa: FBT002
    device: options.Device = "auto",
    threads: options.CpuThreads = None,
    as_json: options.Json = False,  # noqa: FBT002
) -> None:
    """Judge a version on photographs whose tags are known, through the path that serves.

    Every figure has a 95 % interval. docs/evaluation.md says what each means and how to read the page.

    Examples:
      tagstream model evaluate packaged labels.csv --negatives other.csv --split val --html report.html

      tagstream model evaluate runs/restaurant-v2 snapshot/ --split test --against train --json
    """
    from model.data import dataset
    from model.evaluation import evaluation_run, recording
    from operations import evaluate as evaluating

    figures.refuse_unwritable(html)
    if against == split:
        raise ConfigurationError(f"--against {against}: name another split than --split, or none")
    folder = resolve(version)
    if record:
        recording.refuse_recorded(folder, split)
    data = dataset.read(photographs, negatives=negatives)
    for each in data.refused:
        typer.echo(f"left out {each.place}: {each.why}", err=True)
    job = evaluation_run.EvaluationJob(folder, data, split, against, device=device, threads=threads)
    with phases() as tick:
        outcome = evaluation_run.evaluate(job, tick=tick)
    if html is not None:
        from model.evaluation.pages import evaluation_page

        atomic_folders.keep(html, evaluation_page.render(outcome))
    if record:
        evaluating.record(job, outcome)
    if as_json:
        typer.echo(json.dumps(outcome.as_json()))
        return
    show_report(split, outcome.report)
    show_gap(outcome)
