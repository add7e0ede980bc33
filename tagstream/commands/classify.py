"""`tagstream classify`: local files, no broker."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from schemas.errors import Broken


def classify(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Files, and folders to search.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, as each is done.")] = False,
    model: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="A model version; the packaged one where absent.")
    ] = None,
) -> None:
    """Say what is on local photographs: every label with its probability, and where it would go.

    Folders are searched for photographs by their extensions, in capitals or not, with the folders below
    them. What is passed over there (other files, hidden ones, hidden and linked folders) is counted on
    standard error, and with `--json` in a line of its own for each folder, `passed_over`. A file that is
    named is tried whatever it is called. What cannot be read is reported with its reason and does not stop
    the others. Answers come as each is done, in no order.

    Exits 1 if any file failed.

    For example:

    - `tagstream classify lunch.jpg menu.png`

    - `tagstream classify ~/Pictures --json | jq -r 'select(.top == "menu").path'`

    - `tagstream classify ~/Pictures --json | jq 'select(.passed_over).passed_over.kinds'`

    - `tagstream classify IMG_0001.DNG`
    """
    import asyncio
    from functools import partial

    from operations import classify as classifying
    from tagstream.commands.environment import load_settings
    from tagstream.render import classify as render

    config = classifying.configured(load_settings(), model)
    with render.lines() if as_json else render.table() as tell:
        try:
            passed = partial(render.passed_over, as_json=as_json)
            failed = asyncio.run(classifying.classify(paths, config, tell=tell, tell_passed=passed))
        except Broken as error:
            typer.echo(f"tagstream classify: {error}", err=True)
            raise typer.Exit(1) from error
    if failed:
        raise typer.Exit(1)
