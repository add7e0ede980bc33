"""`tagstream model parity`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from tagstream.commands.options import CpuThreads, resolve
from tagstream.render.progress import phases


def parity(
    version: Annotated[str, typer.Argument(metavar="VERSION", help="A version's folder, or `packaged`.")],
    photographs: Annotated[
        Path, typer.Argument(metavar="DATA", help="Full-size photographs: snapshot, folder or CSV.")
    ],
    side: Annotated[int, typer.Option(min=32, help="Of the renditions: pixels of the shorter side.")] = 320,
    threads: CpuThreads = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one document instead of lines.")] = False,  # noqa: FBT002
) -> None:
    """Whether a version says the same of full-size photographs and of the small ones that sites show.

    Each photograph is scored as it is and as a JPEG of `--side` pixels made of it.

    Example:
      tagstream model parity packaged originals/ --side 320
    """
    from operations import evaluate

    folder = resolve(version)
    with phases() as tick:
        found = evaluate.parity(folder, photographs, side=side, threads=threads, tick=tick)
    if as_json:
        typer.echo(json.dumps(found.as_json()))
        return
    typer.echo(f"the same top label as the rendition of {side} px: {found.top}")
    typer.echo(f"the same tags: {found.tags}")
    median, highest = float(found.drift.median()), float(found.drift.max())
    typer.echo(f"a probability moves by {median:.3f} in the median, by {highest:.3f} at most")
    for line in (*found.differing, *found.unreadable):
        typer.echo(f"  {line}", err=True)
