"""`tagstream model pipeline`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from tagstream.commands import options
from tagstream.commands.options import Json, Url

StepName = Literal["gather", "preprocess", "train", "validate", "publish", "promote"]


def pipeline(  # noqa: PLR0913 - one parameter an option
    sources: Annotated[
        list[str], typer.Argument(metavar="SOURCE...", help="Folders, CSVs (also s3://), shards, snapshots.")
    ],
    *,
    name: Annotated[str, typer.Option(help="Of the model, as in restaurant.")],
    version: Annotated[str, typer.Option(help="Of the model, as in v3.")],
    work: Annotated[Path, typer.Option(metavar="DIR", help="Where the steps keep what they made.")],
    registry: Url = None,
    promote: Annotated[
        bool, typer.Option("--promote", help="Make it the champion, if the gate lets it.")
    ] = False,
    least_recall: options.LeastRecall = None,
    least_precision: options.LeastPrecision = None,
    least_top: options.LeastTop = None,
    most_none_tagged: options.MostNoneTagged = None,
    backbone: Annotated[str, typer.Option(help="As for `train`.")] = "mobilenet_v2_same",
    weights: options.Weights = "none",
    negatives: options.NegativeSources = None,
    decisions: Annotated[
        bool, typer.Option("--decisions", help="Take what moderators decided, too.")
    ] = False,
    shares: options.Shares = "0.7,0.15,0.15",
    task: options.Task = "multi_label",
    positive: options.Positive = "",
    epochs: options.Epochs = 12,
    max_steps: options.MaxSteps = None,
    batch_size: options.BatchSize = 32,
    size: options.Size = None,
    augment: options.Augment = "photographs",
    freeze_epochs: options.FreezeEpochs = 0,
    seed: Annotated[int, typer.Option(help="Of the division and of the training.")] = 0,
    notes: options.Notes = None,
    licence: options.Licence = "",
    device: options.Device = "auto",
    threads: options.Threads = None,
    until: Annotated[StepName | None, typer.Option(help="End with this step; a later call goes on.")] = None,
    again: Annotated[
        list[str] | None,
        typer.Option(metavar="STEP", help="Do this step again though it is finished; repeatable."),
    ] = None,
    visualiser: Annotated[
        int | None,
        typer.Option(metavar="PORT", min=1, max=65535, help="Luigi's, on this machine alone, as at 8082."),
    ] = None,
    keep_visualiser: Annotated[
        bool, typer.Option("--keep-visualiser", help="It stays until Ctrl-C, to be looked at.")
    ] = False,
    as_json: Json = False,
) -> None:
    """From photographs to a published version: gather, preprocess, train, validate, publish; promote.

    Give the same command again after whatever happened: a finished step is not run again, a training that
    was killed goes on where it was. Other options run the steps that depend on them. docs/pipeline.md.

    Examples:
      tagstream model pipeline photos/ --name restaurant --version v3 --work runs --registry /srv/models

      tagstream model pipeline photos/ more.csv --name restaurant --version v3 --work runs --promote --json

      tagstream model pipeline photos/ --name x --version v1 --work runs --until validate --visualiser 8082
    """
    from model.data.plan import SnapshotPlan as Snapshot
    from model.networks import backbones
    from model.pipeline.stages import Stages
    from model.registry.floors import Floors
    from model.registry.refs import VersionRef
    from model.training.job import TrainingJob, provenance
    from model.training.recipe import Recipe
    from operations import pipeline as running
    from operations.import_data import ImportRequest
    from tagstream.commands.environment import load_settings
    from tagstream.render import pipeline as render
    from tagstream.render.training import watched

    ref = VersionRef(name, version)
    recipe = Recipe(
        task=task,
        epochs=epochs,
        max_steps=max_steps,
        batch_size=batch_size,
        augment=augment,
        freeze_epochs=freeze_epochs,
        seed=seed,
    ).sized(backbones.describe(backbone), size=size)
    order = TrainingJob(
        work,
        output=work / f"{name}-{version}",
        weights=options.weights(weights),
        recipe=options.recipe(recipe, weights=weights),
        positive=positive,
        notes=notes,
        licence=licence,
        device=device,
        threads=threads,
    )
    provenance(order)
    wanted = running.PipelineRequest(
        ImportRequest(
            tuple(sources),
            work,
            negatives=tuple(negatives or ()),
            decisions=decisions,
            wanted=Snapshot(name=name, how=options.division(shares, seed=seed)),
        ),
        ref,
        registry,
        promote=promote,
        floors=Floors(least_recall, least_precision, least_top, most_none_tagged),
        until=until or "",
        again=tuple(again or ()),
    )
    config = load_settings()
    with render.shown(visualiser, keep=keep_visualiser):
        with watched(stopped="with what is not finished") as watch:
            last = running.steps(wanted, Stages(order.photographs, order, watch), config)
            ran = running.go(last, version=ref, port=visualiser, say=watch.say)
        typer.echo(json.dumps(render.document(ran, version=ref))) if as_json else render.show(ran)
