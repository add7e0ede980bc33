"""`tagstream model compare`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from model import atomic_folders
from tagstream.commands.model.options import resolve
from tagstream.render import figures
from tagstream.render.figures import show_versus
from tagstream.render.progress import phases


def compare(  # noqa: PLR0913, PLR0917 - one parameter an option
    a: Annotated[str, typer.Argument(metavar="A", help="A version's folder, NAME@ALIAS, or `packaged`.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Another one, of the same labels.")],
    photographs: Annotated[
        Path, typer.Argument(metavar="DATA", help="Snapshot, folder or CSV, as for `train`.")
    ],
    negatives: Annotated[Path | None, typer.Option(help="As for `train`.")] = None,
    split: Annotated[Literal["train", "val", "test"], typer.Option(help="What to compare them by.")] = "test",
    html: Annotated[
        Path | None, typer.Option(help="Write a page with what each gets right that the other does not.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    threads: Annotated[int | None, typer.Option(min=1, help="Of the CPU.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one document instead of tables.")] = False,  # noqa: FBT002
) -> None:
    """Hold version B against version A on the same photographs: figures, McNemar's test, and speed.

    Differences are B less A. Those whose 95 % interval leaves 0 out are bold. Speed is measured in turns.

    Example:
      tagstream model compare packaged runs/restaurant-v2 labels.csv --split val --html comparison.html
    """
    from operations import evaluate as evaluating

    figures.refuse_unwritable(html)
    folder, other = resolve(a), resolve(b)
    request = evaluating.EvaluateRequest(
        folder=folder, data=photographs, negatives=negatives, split=split, device=device, threads=threads
    )
    with phases() as tick:
        versus = evaluating.compare(request, other, tick=tick)
    if html is not None:
        from model.evaluation.pages import comparison_page

        atomic_folders.keep(html, comparison_page.render(versus))
    typer.echo(json.dumps(versus.as_json())) if as_json else show_versus(versus)
