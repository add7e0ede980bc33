"""`tagstream data prelabel`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from tagstream.commands import options


def prelabel(  # noqa: PLR0913 - one parameter an option
    source: Annotated[Path, typer.Argument(metavar="DIR|CSV", help="Photographs; a CSV by its column path.")],
    *,
    output: Annotated[Path, typer.Option(metavar="BATCH", help="The batch's folder; it must not exist yet.")],
    model: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="A model version; that of the settings if absent.")
    ] = None,
    sheet: Annotated[int, typer.Option(min=1, help="Photographs on the contact sheet, at most.")] = 600,
    processes: options.Processes = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Of the CPU, for the network; 1 where other work shares it.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one document instead of a table.")] = False,
) -> None:
    """Propose labels for photographs that have none, as a batch for a person to correct.

    BATCH/review.csv has a row a photograph, the least sure first, and BATCH/review.html shows them. Correct
    the columns `labels` (a;b for two, nothing for none) and `maybe` (labels of which people may differ: not
    learned from), or write yes into `reviewed` where a row is right, and import the batch: rows that nobody
    looked at are left out. Proposed as a maybe is a label whose probability is near its threshold: less than
    a third of the way from it to 0 or to 1.

    For example:

    - `tagstream data prelabel new-photos/ --output batch`

    - `tagstream data prelabel new-photos/ --model runs/restaurant-v2 --output batch --json`

    - `tagstream data import snapshots/restaurant-1a2b3c4d5e6f batch/review.csv --output snapshots`
    """
    from agents.wiring import model_source
    from model import checkpoint
    from tagstream.commands.environment import load_settings
    from tagstream.render import prelabel as render
    from tagstream.render import progress

    folder = model or model_source.folder_here(load_settings())
    checkpoint.read_manifest(folder)  # before torch is imported, which takes its time
    from operations import prelabel as prelabelling

    request = prelabelling.PrelabelRequest(
        source, output, folder, sheet, processes=processes, threads=threads
    )
    with progress.phases(time="both") as tick:
        batch = prelabelling.run(request, draw=render.draw, tick=tick)
    if as_json:
        typer.echo(json.dumps(batch.as_json()))
        return
    for label, count in batch.suggested.items():
        typer.echo(f"{count:>7,}  {label or 'no label'}")
    for label, count in batch.maybe.items():
        typer.echo(f"{count:>7,}  maybe {label}")
    for line in batch.unreadable[:10]:
        typer.echo(f"left out {line}", err=True)
    typer.echo(f"to be reviewed: {batch.folder / 'review.csv'} and {batch.folder / 'review.html'}")
