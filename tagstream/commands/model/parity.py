"""`tagstream model parity`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tagstream.commands.options import CpuThreads, resolve
from tagstream.render.progress import phases

if TYPE_CHECKING:
    from collections.abc import Sequence

    from model.evaluation.parity import Parity
    from model.evaluation.runtime_parity import RuntimeParity


def parity(  # noqa: PLR0913, PLR0917 - one parameter an option
    version: Annotated[str, typer.Argument(metavar="VERSION", help="A version's folder, or `packaged`.")],
    photographs: Annotated[
        Path, typer.Argument(metavar="DATA", help="Photographs: snapshot, folder or CSV.")
    ],
    side: Annotated[
        int | None,
        typer.Option(
            min=32, help="Of the renditions: pixels of the shorter side; as TAGSTREAM_RENDITIONS__SIDE."
        ),
    ] = None,
    quality: Annotated[
        int | None,
        typer.Option(min=50, max=100, help="Of the renditions' JPEG; as TAGSTREAM_RENDITIONS__QUALITY."),
    ] = None,
    runtimes: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="Compare these instead, the first with the others: openvino, torch, cuda, cuda:N.",
        ),
    ] = None,
    threads: CpuThreads = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one document instead of lines.")] = False,  # noqa: FBT002
) -> None:
    """Whether a version says the same of photographs and of their renditions, or by other runtimes.

    Each photograph is scored as it is and as the rendition that a worker would keep of it, for replays to
    read; with `--runtimes` as it is by each of them.

    Examples:
      tagstream model parity packaged originals/
      tagstream model parity packaged originals/ --side 256 --quality 80
      tagstream model parity packaged photographs/ --runtimes torch,openvino
      tagstream model parity packaged photographs/ --runtimes openvino,cuda --json
    """
    from operations import evaluate
    from schemas.rendition_recipe import RenditionRecipe
    from tagstream.commands.environment import load_settings

    folder = resolve(version)
    if runtimes is not None:
        names = [name.strip() for name in runtimes.split(",") if name.strip()]
        with phases() as tick:
            compared = evaluate.runtime_parity(
                folder, photographs, runtimes=names, threads=threads, tick=tick
            )
        _show_runtimes(compared, as_json=as_json)
        return
    kept = load_settings().renditions
    recipe = RenditionRecipe(side=side or kept.side, quality=quality or kept.quality)
    with phases() as tick:
        found = evaluate.parity(folder, photographs, recipe=recipe, threads=threads, tick=tick)
    _show_renditions(found, as_json=as_json)


def _show_renditions(found: Parity, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(found.as_json()))
        return
    typer.echo(f"the same top label as the rendition {found.recipe.name}: {found.top}")
    typer.echo(f"the same tags: {found.tags}")
    typer.echo(f"without a rendition, the same twice: {found.without}")
    median, highest = float(found.drift.median()), float(found.drift.max())
    typer.echo(f"a probability moves by {median:.3f} in the median, by {highest:.3f} at most")
    _show_lines(*found.differing, *found.unreadable)


def _show_runtimes(compared: Sequence[RuntimeParity], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps([each.as_json() for each in compared]))
        return
    for each in compared:
        typer.echo(f"{each.computed_by}, beside {each.reference}")
        typer.echo(f"  the same tags: {each.tags}; {each.near} have a probability near a threshold")
        typer.echo(f"  a probability moves by {each.median:.6f} in the median, by {each.largest:.6f} at most")
        _show_lines(*each.differing)
    _show_lines(*compared[0].unreadable)


def _show_lines(*lines: str) -> None:
    for line in lines:
        typer.echo(f"  {line}", err=True)
