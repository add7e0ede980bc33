"""`tagstream model compare-backbones`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from model import atomic_folders
from tagstream.commands import options
from tagstream.render import backbones as table
from tagstream.render import judging
from tagstream.render.training import watched

Metric = Literal[
    "top_accuracy",
    "f1_samples",
    "mean_average_precision",
    "images_per_second",
    "latency",
    "training_time",
    "size",
    "parameters",
]


def compare_backbones(  # noqa: PLR0913 - one parameter an option
    photographs: options.Data,
    *,
    backbones: Annotated[
        str, typer.Option(metavar="NAME,...", help="As in resnet18,mobilenet_v2,timm:xception.")
    ],
    output: Annotated[Path, typer.Option(metavar="DIR", help="Keeps versions and decoded pictures.")],
    weights: Annotated[
        str,
        typer.Option(
            metavar="hub|none|NAME=FILE,...",
            help="Of the backbones; of those not named the last hub or none.",
        ),
    ] = "none",
    negatives: options.Negatives = None,
    task: options.Task = "multi_label",
    positive: options.Positive = "",
    epochs: options.Epochs = 12,
    max_steps: options.MaxSteps = None,
    batch_size: options.BatchSize = 32,
    size: options.Size = None,
    augment: options.Augment = "photographs",
    freeze_epochs: options.FreezeEpochs = 0,
    seed: Annotated[int, typer.Option()] = 0,
    split: Annotated[
        Literal["val", "test"] | None, typer.Option(help="Judge by this; test where there is one, if absent.")
    ] = None,
    by: Annotated[Metric, typer.Option(help="What sorts the rows, the best first.")] = "top_accuracy",
    html: Annotated[
        Path | None, typer.Option(help="Write a page with a plot of accuracy over speed.")
    ] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write the table as Markdown.")] = None,
    device: options.Device = "auto",
    threads: options.Threads = None,
    as_json: options.Json = False,
) -> None:
    """Train several backbones by one recipe on the same photographs, and say what each is good for.

    A backbone that fails is said in its row, stops no other, and makes the command exit 1. The same command
    again trains only what is not finished. Speed is measured anew each time, of all in turns.

    Examples:
      tagstream model compare-backbones snapshot/ --backbones resnet18,mobilenet_v2 --weights hub --output cmp

      tagstream model compare-backbones photos.csv --backbones resnet18,alexnet --output cmp --html cmp.html
    """
    from model.comparison.comparison_job import ComparisonJob, WeightsFrom
    from model.comparison.comparison_run import compare
    from model.comparison.row import ordered
    from model.training.job import TrainingJob
    from model.training.recipe import Recipe

    for file in (html, markdown):
        judging.refuse_unwritable(file)
    recipe = Recipe(
        task=task,
        epochs=epochs,
        max_steps=max_steps,
        batch_size=batch_size,
        augment=augment,
        freeze_epochs=freeze_epochs,
        seed=seed,
    )
    training = TrainingJob(
        photographs,
        output=output,
        negatives=negatives,
        recipe=recipe,
        positive=positive,
        device=device,
        threads=threads,
    )
    names = tuple(name.strip() for name in backbones.split(",") if name.strip())
    order = ComparisonJob(
        names, output, training, weights=WeightsFrom.parsed(weights), size=size, split=split
    )
    with watched(stopped="with what is not finished") as watch:
        compared = compare(order, watch=watch)
    rows = ordered(compared.rows, by=by)
    if html is not None:
        from model.comparison.page import render_html

        atomic_folders.keep(html, render_html(compared, rows))
    if markdown is not None:
        from model.comparison.page import render_markdown

        atomic_folders.keep(markdown, render_markdown(compared, rows))
    if as_json:
        typer.echo(json.dumps(table.document(compared, rows, by=by)))
    else:
        table.show(compared, rows)
    if compared.failed:
        raise typer.Exit(1)
