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
from tagstream.render import judging
from tagstream.render.figure_differences import show_gap
from tagstream.render.figures import show_report
from tagstream.render.progress import phases


def evaluate(  # noqa: PLR0913, PLR0917 - one parameter an option
    version: options.Version,
    photographs: options.Data,
    negatives: options.Negatives = None,
    split: Annotated[
        SplitName,
        typer.Option(help="The photographs to judge it by; test of data without splits is all of it."),
    ] = "test",
    against: Annotated[
        SplitName | None, typer.Option(help="Judge it by this split too, and show the gap between the two.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write a page with plots and the mistakes as pictures.")
    ] = None,
    export_mistakes: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Write the photographs with a wrong tag, and a CSV to correct that `data import` takes.",
        ),
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

      tagstream model evaluate runs/restaurant-v2 labels.csv --split val --export-mistakes mistakes/
    """
    from model.data import dataset
    from model.data.photograph import Split
    from model.evaluation import evaluation_run, mistake_export, recording
    from operations import evaluate as evaluating

    judging.refuse_unwritable(html)
    judging.refuse_taken(export_mistakes)
    if against == split:
        raise ConfigurationError(f"--against {against}: name another split than --split, or none")
    folder = resolve(version)
    if record:
        recording.refuse_recorded(folder, split)
    data = dataset.to_judge(photographs, split=Split(split), negatives=negatives)
    judging.say_refused(data)
    job = evaluation_run.EvaluationJob(folder, data, split, against, device=device, threads=threads)
    with phases() as tick:
        outcome = evaluation_run.evaluate(job, tick=tick)
        if export_mistakes is not None:
            count = mistake_export.export(outcome.predictions, export_mistakes, tick=tick)
    if html is not None:
        from model.evaluation.pages import evaluation_page

        atomic_folders.keep(html, evaluation_page.render(outcome))
    if record:
        evaluating.record(job, outcome)
    if export_mistakes is not None:
        judging.say_exported(count, export_mistakes)
    if outcome.undivided:
        judging.say_undivided(photographs, outcome.predictions)
    if as_json:
        typer.echo(json.dumps(outcome.as_json()))
    else:
        show_report(evaluation_run.said_split(split, undivided=outcome.undivided), outcome.report)
        show_gap(outcome)
