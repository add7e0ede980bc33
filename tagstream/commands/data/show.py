"""`tagstream data show`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tagstream.commands import options

if TYPE_CHECKING:
    from operations.data_summary import SourceSummary


def show(
    source: Annotated[Path, typer.Argument(metavar="SNAPSHOT|DIR|CSV", help="As for `import`.")],
    *,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a contact sheet there.")] = None,
    per_label: Annotated[int, typer.Option(min=1, help="Photographs of each label on it, at most.")] = 60,
    processes: options.Processes = None,
    as_json: options.Json = False,
) -> None:
    """Count photographs by label, split and source; with --html draw a contact sheet of each label.

    A snapshot's shards are verified. The sheet is one file with its pictures in it.

    For example:

    - `tagstream data show snapshots/restaurant-1a2b3c4d5e6f`

    - `tagstream data show photos/ --html sheet.html --per-label 100`

    - `tagstream data show labels.csv --json | jq .imbalance`
    """
    from operations import data_summary

    shown = data_summary.read(source)
    if html:
        _draw(shown, html, per_label=per_label, processes=processes)
    if as_json:
        typer.echo(json.dumps(shown.as_json()))
    else:
        _print(shown)
    if html:
        typer.echo(f"contact sheet: {html}", err=True)


def _draw(shown: SourceSummary, file: Path, *, per_label: int, processes: int | None) -> None:
    from model import atomic_folders
    from operations import data_summary
    from tagstream.commands.environment import load_settings
    from tagstream.render import contact_sheet, gallery, progress

    load_settings()
    with progress.phases(time="both") as tick:
        sample = data_summary.sample(shown, per_label=per_label, processes=processes, tick=tick)
    page = contact_sheet.page(shown, sample)
    atomic_folders.write_file(file, gallery.render(page).encode())


def _print(shown: SourceSummary) -> None:
    from tagstream.render import data
    from tagstream.render.console import PrintableConsole

    console = PrintableConsole()
    if shown.document:
        console.print(data.account(shown.document))
        return
    console.print(data.counts(shown.labels, shown.splits, shown.sources))
    console.print(data.uneven(shown.imbalance))
    for line in shown.refused[: data.MOST_REFUSALS]:
        console.print(f"mind: {line}")
