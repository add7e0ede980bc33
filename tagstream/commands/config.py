"""`tagstream config`: what this environment sets."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import typer

app = typer.Typer(help="Look at the settings.", no_args_is_help=True)


@app.callback()
def config() -> None:
    """Look at the settings of this environment."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting."""

    name: str
    value: Any
    source: str
    """`default`, `environment`, or `dev`: the system that `tagstream dev` runs here."""
    meaning: str


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

    from agents.wiring import settings
    from tagstream.dev import state

    given = settings.load().model_dump(mode="json")
    running = state.adopted(os.environ, Path.cwd())
    from_dev = running.settings if running else {}
    set_here = {name.upper(): value for name, value in os.environ.items()}

    def source(name: str) -> str:
        if name not in set_here:
            return "default"
        return "dev" if from_dev.get(name) == set_here[name] else "environment"

    mask = settings.mask()
    return [
        Setting(each.name, mask.hide_in(given[each.section][each.field]), source(each.name), each.meaning)
        for each in settings.described()
    ]


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
