"""`tagstream data draw`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from tagstream.commands import options


def draw(  # noqa: PLR0913 - one parameter an option
    *,
    output: Annotated[Path, typer.Option(metavar="FOLDER", help="It must not exist yet.")],
    menus: Annotated[int, typer.Option(min=0, help="How many menus.")] = 500,
    others: Annotated[int, typer.Option(min=0, help="How many other pages, as many of each kind.")] = 700,
    label: Annotated[str, typer.Option(help="Of the menus.")] = "menu",
    fonts: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Fonts (.ttf, .otf); the more, the less alike the pages."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Another one draws other pages.")] = 0,
    as_json: options.Json = False,
) -> None:
    """Draw menus, and letters, forms, charts and other pages that are none, to learn the difference from.

    A model that has seen no pages but menus takes every page of text for one. FOLDER/menus.csv and
    FOLDER/others.csv name the pictures, all of them for training: what is drawn judges nothing.

    For example:

    - `tagstream data draw --output pages --fonts ~/fonts`

    - `tagstream data import photos.csv pages/menus.csv --negatives pages/others.csv --output snapshots`

    - `tagstream data draw --output pages --menus 0 --others 2000 --seed 1 --json`
    """
    from model.data import labels
    from model.drawn_pages import folder
    from tagstream.render import progress

    request = folder.PagesRequest(
        output, menus, others, labels.checked(label, where="--label"), seed=seed, fonts=fonts
    )
    with progress.phases(time="both") as tick:
        folder.write(request, tick=tick)
    tables = {"menus": str(output / folder.MENUS), "others": str(output / folder.OTHERS)}
    if as_json:
        typer.echo(json.dumps({"folder": str(output), "menus": menus, "others": others, "tables": tables}))
        return
    typer.echo(f"{menus:,} menus: {tables['menus']}")
    typer.echo(f"{others:,} other pages: {tables['others']}")
