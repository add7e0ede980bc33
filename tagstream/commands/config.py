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
    changed: Annotated[bool, typer.Option("--changed", help="Only what is not at its default.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Show every setting, its value here, where that comes from, and what it means; secrets are masked.

    For example:

    - `TAGSTREAM_BATCH__MAX_SIZE=64 tagstream config show --changed`

    - `tagstream config show --json | jq -r .TAGSTREAM_KAFKA__BROKERS.value`
    """
    settings = [each for each in _settings() if not changed or each.source != "default"]
    if as_json:
        documents = {each.name: asdict(each) for each in settings}
        typer.echo(json.dumps(documents, indent=2))
    else:
        _print(settings)


def _settings() -> list[Setting]:
    import os
    from pathlib import Path

    from operations import settings_listing
    from tagstream.dev import state

    running = state.adopted(os.environ, Path.cwd())
    return settings_listing.listing(os.environ, running.settings if running else {})


def _print(settings: list[Setting]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    # Whatever the width of the terminal: a name that is cut short cannot be copied.
    table.add_column("Setting", no_wrap=True, min_width=max((len(each.name) for each in settings), default=0))
    table.add_column("Value", overflow="fold")
    table.add_column("From")
    table.add_column("Meaning")
    for each in settings:
        value = Text("-", "dim") if each.value is None else Text(json.dumps(each.value))
        style = "dim" if each.source == "default" else "bold"
        table.add_row(each.name, value, Text(each.source, style), each.meaning)
    Console().print(table)
