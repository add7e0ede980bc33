"""`tagstream model compare`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from model import atomic_folders
from tagstream.commands import options
from tagstream.commands.options import SplitName, resolve
from tagstream.render import judging
from tagstream.render.figure_differences import show_versus
from tagstream.render.progress import phases


def compare(  # noqa: PLR0913, PLR0917 - one parameter an option
    a: Annotated[str, typer.Argument(metavar="A", help="A version's folder, NAME@ALIAS, or `packaged`.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Another one, of the same labels.")],
    photographs: options.Data,
    negatives: options.Negatives = None,
    split: Annotated[SplitName, typer.Option(help="What to compare them by; as of `evaluate`.")] = "test",
    html: Annotated[
        Path | None, typer.Option(help="Write a page with what each gets right that the other does not.")
    ] = None,
    device: options.Device = "auto",
    threads: options.CpuThreads = None,
    as_json: options.Json = False,  # noqa: FBT002
) -> None:
    """Hold version B against version A on the same photographs: figures, McNemar's test, and speed.

    Differences are B less A. Those whose 95 % interval leaves 0 out are bold. Speed is measured in turns.

    Example:
      tagstream model compare packaged runs/restaurant-v2 labels.csv --split val --html comparison.html
    """
    from model.data import dataset
    from model.data.photograph import Split
    from model.evaluation.evaluation_run import EvaluationJob, versus

    judging.refuse_unwritable(html)
    folder, other = resolve(a), resolve(b)
    data = dataset.to_judge(photographs, split=Split(split), negatives=negatives)
    judging.say_refused(data)
    job = EvaluationJob(folder, data, split, device=device, threads=threads)
    with phases() as tick:
        found = versus(job, other, tick=tick)
    if html is not None:
        from model.evaluation.pages import comparison_page

        atomic_folders.keep(html, comparison_page.render(found))
    if found.undivided:
        judging.say_undivided(photographs, found.predictions[0])
    typer.echo(json.dumps(found.as_json())) if as_json else show_versus(found)
