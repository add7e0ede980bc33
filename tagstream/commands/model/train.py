"""`tagstream model train`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tagstream.model.figures import show_report

if TYPE_CHECKING:
    from model.training.run import Order, Outcome


def train(  # noqa: PLR0913, PLR0917 - one parameter an option
    photographs: Annotated[
        Path,
        typer.Argument(metavar="DIR|CSV", help="DIR/<label>/*.jpg, or a CSV with the columns path, label."),
    ],
    weights: Annotated[
        Path | None, typer.Option(help="Weights to start from (safetensors). Without them: from nothing.")
    ] = None,
    negatives: Annotated[
        Path | None, typer.Option(help="A folder or CSV of pictures that are none of the labels.")
    ] = None,
    output: Annotated[
        Path, typer.Option(help="The version's folder, NAME-VERSION; it must not exist yet.")
    ] = Path("runs/photos-v1"),
    notes: Annotated[Path | None, typer.Option(help="Markdown for the model card.")] = None,
    architecture: Annotated[str, typer.Option(help="mobilenet_v2_same or tiny.")] = "mobilenet_v2_same",
    epochs: Annotated[int, typer.Option(min=1)] = 12,
    batch_size: Annotated[int, typer.Option(min=1)] = 32,
    seed: Annotated[int, typer.Option()] = 0,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Of the CPU; 1 where other work shares it.")
    ] = None,
    test: Annotated[bool, typer.Option(help="Report on the split `test`; look once, at the end.")] = True,  # noqa: FBT002
    as_json: Annotated[bool, typer.Option("--json", help="Print one document instead of tables.")] = False,  # noqa: FBT002
) -> None:
    """Fine-tune all layers of a backbone into tags (a sigmoid each) and write a version folder.

    The CSV may have the columns `labels` (all true tags, separated by semicolons), `split` (train, val, test)
    and `source` too. Without splits a fifth of every label is kept for choosing.

    Examples:
      tagstream model train photos/ --weights backbone.safetensors --output runs/restaurant-v2

      tagstream model train labels.csv --weights backbone.safetensors --negatives other.csv --epochs 12 --json
    """
    from model.training.recipe import Recipe  # noqa: PLC0415
    from model.training.run import Order  # noqa: PLC0415

    order = Order(
        photographs,
        output=output,
        weights=weights,
        negatives=negatives,
        notes=notes,
        recipe=Recipe(architecture=architecture, epochs=epochs, batch_size=batch_size, seed=seed),
        test=test,
        threads=threads,
    )
    outcome = _watched(order)
    _show_json(outcome) if as_json else _show(outcome, folder=output)


def _watched(order: Order) -> Outcome:
    """Train with a progress bar on standard error: a bar a phase, and a line an epoch."""
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    from model.training.finetune import Trial  # noqa: PLC0415
    from model.training.run import Watch, train  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bars: dict[str, object] = {}

        def tick(what: str, done: int, total: int) -> None:
            if what not in bars:
                bars[what] = progress.add_task(what, total=total)
            progress.update(bars[what], completed=done, total=total)  # type: ignore[arg-type]

        def note(trial: Trial) -> None:
            figures = f"val loss {trial.loss:.4f}, top label {trial.top_accuracy:.1%}"
            progress.console.print(f"{trial.name}: {figures}")

        return train(order, watch=Watch(tick, note))


def _show(outcome: Outcome, *, folder: Path) -> None:
    for line in outcome.unreadable[:10]:
        typer.echo(f"skipped {line}", err=True)
    if outcome.unreadable:
        typer.echo(f"{len(outcome.unreadable)} photographs could not be read and were left out", err=True)
    for split, report in outcome.reports.items():
        show_report(split, report)
    typer.echo(f"kept: {outcome.trained.chosen.name}; version written to {folder}")


def _show_json(outcome: Outcome) -> None:
    document = {
        "model": outcome.manifest.ref.model_dump(),
        "kept": outcome.trained.chosen.name,
        "trials": [asdict(trial) for trial in outcome.trained.trials],
        "unreadable": list(outcome.unreadable),
        "reports": {split: report.as_json() for split, report in outcome.reports.items()},
    }
    typer.echo(json.dumps(document))
