"""`tagstream model train`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from tagstream.commands import options
from tagstream.render.figures import show_report
from tagstream.render.training import watched

EXIT_INTERRUPTED: Final = 130

if TYPE_CHECKING:
    from model.training.run import TrainingResult


def train(  # noqa: PLR0913, PLR0917 - one parameter an option
    photographs: Annotated[
        Path,
        typer.Argument(
            metavar="SNAPSHOT|DIR|CSV",
            help="A snapshot, DIR/<label>/*.jpg, or a CSV with the columns path, label.",
        ),
    ],
    backbone: Annotated[
        str,
        typer.Option(
            "--backbone",
            "--architecture",
            help="mobilenet_v2_same, resnet18, timm:NAME ...; `docs/training.md`.",
        ),
    ] = "mobilenet_v2_same",
    weights: options.Weights = "none",
    output: Annotated[
        Path, typer.Option(help="The version's folder, NAME-VERSION; it must not exist yet.")
    ] = Path("runs/photos-v1"),
    negatives: Annotated[
        Path | None, typer.Option(help="A folder or CSV of pictures that are none of the labels.")
    ] = None,
    notes: options.Notes = None,
    licence: options.Licence = "",
    task: options.Task = "multi_label",
    positive: options.Positive = "",
    epochs: options.Epochs = 12,
    max_steps: options.MaxSteps = None,
    patience: Annotated[
        int | None, typer.Option(min=1, help="End after so many epochs in which `val` gets no better.")
    ] = None,
    batch_size: options.BatchSize = 32,
    size: options.Size = None,
    augment: options.Augment = "photographs",
    freeze_epochs: options.FreezeEpochs = 0,
    rate: Annotated[
        float | None,
        typer.Option(min=0, help="Of the body's last stage. [default: 0.0002; from nothing --head-rate]"),
    ] = None,
    head_rate: Annotated[float, typer.Option(min=0, help="Of the head.")] = 1e-3,
    layer_decay: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="Rate of the body's first stage, as a share of --rate. [default: 0.2; from nothing 1]",
        ),
    ] = None,
    warm_up: Annotated[
        float, typer.Option(min=0, max=1, help="Share of the steps in which rates rise.")
    ] = 0.08,
    ema: Annotated[
        float, typer.Option(min=0, max=0.99999, help="Decay of the moving average of the weights; 0: none.")
    ] = 0.99,
    smoothing: Annotated[float, typer.Option(min=0, max=0.5, help="Of the labels.")] = 0.02,
    yielding: Annotated[
        float, typer.Option(min=0.5, max=1, help="What a true tag beside the main one is taught.")
    ] = 0.75,
    main_first: Annotated[
        float,
        typer.Option(min=0, help="How much the order of true tags counts, the main one first (multi_label)."),
    ] = 0.0,
    composites: Annotated[
        float, typer.Option(min=0, max=1, help="Share of pictures made of two photographs (multi_label).")
    ] = 0.4,
    several: Annotated[
        float, typer.Option(min=0, max=0.9, help="Least share of what is drawn that has several tags.")
    ] = 0.2,
    negative_share: Annotated[
        float, typer.Option(min=0, max=0.9, help="Share of what is drawn that is none of the labels.")
    ] = 0.12,
    positive_weights: Annotated[  # noqa: FBT002
        bool, typer.Option("--positive-weights", help="A rare tag counts for more (sigmoids).")
    ] = False,
    precision: Annotated[
        Literal["auto", "fp32", "bf16"], typer.Option(help="auto: bf16 on CUDA, else fp32.")
    ] = "auto",
    device: options.Device = "auto",
    threads: options.Threads = None,
    loaders: Annotated[
        int, typer.Option(min=1, help="Threads that make batches ahead; results do not depend on it.")
    ] = 2,
    seed: Annotated[int, typer.Option()] = 0,
    cache: Annotated[
        Path | None, typer.Option(help="Folder for decoded pictures; ~/.cache/tagstream/pictures if absent.")
    ] = None,
    tensorboard: Annotated[Path | None, typer.Option(help="Folder for TensorBoard's scalars.")] = None,
    checkpoint_steps: Annotated[
        int, typer.Option(min=1, help="Steps from one checkpoint to the next; an epoch's end is one too.")
    ] = 100,
    fresh: Annotated[  # noqa: FBT002
        bool, typer.Option("--fresh/--resume", help="Start anew where an earlier run was stopped.")
    ] = False,
    test: Annotated[bool, typer.Option(help="Report on the split `test`; look once, at the end.")] = True,  # noqa: FBT002
    as_json: options.Json = False,  # noqa: FBT002
) -> None:
    """Fine-tune a backbone into tags and write a version folder.

    A run that was killed goes on where it was when the same command is given again, and ends with the same
    weights. The CSV may have the columns `yes` (all tags that hold, separated by semicolons), `maybe` (those
    that teach nothing), `split` (train, val, test) and `source` too. Without splits a fifth of every label is
    kept for choosing.

    For example:

    - `tagstream model train photos/ --backbone resnet18 --weights hub --output runs/restaurant-v2`

    - `tagstream model train snapshot/ --weights lite2.pth --negatives other.csv --negative-share 0.2`

    - `tagstream model train photos/ --backbone resnet18 --weights hub --task binary --positive menu`
    """
    from model.cache_home import cache_home
    from model.networks import backbones
    from model.training.recipe import Recipe
    from model.training.run import TrainingJob
    from model.training.run import train as run

    recipe = Recipe(
        task=task,
        epochs=epochs,
        max_steps=max_steps,
        patience=patience,
        batch_size=batch_size,
        augment=augment,
        freeze_epochs=freeze_epochs,
        head_rate=head_rate,
        warm_up=warm_up,
        average=ema,
        smoothing=smoothing,
        yielding=yielding,
        ordering=main_first,
        composites=composites,
        several=several,
        negatives=negative_share,
        positive_weights=positive_weights,
        precision=precision,
        seed=seed,
    ).sized(backbones.describe(backbone), size=size)
    recipe = options.recipe(recipe, weights=weights, rate=rate, layer_decay=layer_decay)
    order = TrainingJob(
        photographs,
        output=output,
        weights=options.weights(weights),
        negatives=negatives,
        notes=notes,
        licence=licence,
        recipe=recipe,
        positive=positive,
        test=test,
        device=device,
        threads=threads,
        loaders=loaders,
        cache=cache or cache_home() / "pictures",  # https://specifications.freedesktop.org/basedir-spec
        tensorboard=tensorboard,
        checkpoint_steps=checkpoint_steps,
        fresh=fresh,
    )
    try:
        with watched(stopped="from the last checkpoint") as watch:
            outcome = run(order, watch=watch)
    except KeyboardInterrupt:
        raise typer.Exit(EXIT_INTERRUPTED) from None
    _show_json(outcome) if as_json else _show(outcome, folder=output)


def _show(outcome: TrainingResult, *, folder: Path) -> None:
    for line in outcome.unreadable[:10]:
        typer.echo(f"skipped {line}", err=True)
    if outcome.unreadable:
        typer.echo(f"{len(outcome.unreadable)} photographs could not be read and were left out", err=True)
    for split, report in outcome.reports.items():
        show_report(split, report)
    typer.echo(f"kept: {outcome.trained.chosen.name}; version written to {folder}")
    if outcome.trained.advice:
        typer.echo(outcome.trained.advice)


def _show_json(outcome: TrainingResult) -> None:
    document = {
        "model": outcome.manifest.ref.model_dump(),
        "kept": outcome.trained.chosen.name,
        "steps": outcome.trained.steps,
        "advice": outcome.trained.advice,
        "trials": [asdict(trial) for trial in outcome.trained.trials],
        "draws": {name: asdict(drawn) for name, drawn in outcome.draws.items()},
        "unreadable": list(outcome.unreadable),
        "reports": {split: report.as_json() for split, report in outcome.reports.items()},
    }
    typer.echo(json.dumps(document))
