"""`tagstream config`: what this environment sets."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from operations.settings_listing import Setting

app = typer.Typer(help="Look at the settings.", no_args_is_help=True)


@app.callback()
def config() -> None:
    """Look at the settings of this environment."""


@app.command()
def show(
    *,
    every: Annotated[bool, typer.Option("--all", help="Also what hardly anybody turns.")] = False,
    changed: Annotated[bool, typer.Option("--changed", help="Only what is not at its default.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Show the settings, their values here, where those come from, and what they mean; secrets are masked.

    What is set is always shown. For example:

    - `TAGSTREAM_BATCH__MAX_SIZE=64 tagstream config show --changed`

    - `tagstream config show --json | jq -r .TAGSTREAM_KAFKA__BROKERS.value`
    """
    from operations.settings_listing import UNSET

    settings = [each for each in _settings(every=every or as_json) if not changed or each.source not in UNSET]
    if as_json:
        documents = {each.name: asdict(each) for each in settings}
        typer.echo(json.dumps(documents, indent=2))
    else:
        _print(settings)
        if not (every or changed):
            typer.echo("\n`tagstream config show --all` shows the others.")


def _settings(*, every: bool) -> list[Setting]:
    import os
    from pathlib import Path

    from operations import settings_listing
    from tagstream.dev import state

    running = state.adopted(os.environ, Path.cwd())
    return settings_listing.listing(os.environ, running.settings if running else {}, every=every)


def _print(settings: list[Setting]) -> None:
    from rich.text import Text

    from operations.settings_listing import UNSET
    from tagstream.render import tables
    from tagstream.render.console import PrintableConsole

    table = tables.plain("Setting", "Value", "From", "Meaning", whole={"Setting"})
    # Whatever the width of the terminal: a name that is cut short cannot be copied.
    table.columns[0].min_width = max((len(each.name) for each in settings), default=0)
    for each in settings:
        value = Text("-", "dim") if each.value is None else Text(json.dumps(each.value))
        style = "dim" if each.source in UNSET else "bold"
        table.add_row(each.name, value, Text(each.source, style), each.meaning)
    PrintableConsole().print(table)
