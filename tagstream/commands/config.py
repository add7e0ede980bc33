"""`tagstream config`: what this environment sets."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Final

import typer

app = typer.Typer(help="Look at the settings.", no_args_is_help=True)


@app.callback()
def config() -> None:
    """Look at the settings of this environment."""


UNSET: Final = ("default", "derived")
"""Where a value comes from that nobody has set."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting."""

    name: str
    value: Any
    source: str
    """`default`, `derived` from another one, `environment`, or `dev`: what `tagstream dev` runs here."""
    meaning: str


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

    from agents.wiring import settings
    from tagstream.dev import state

    given = settings.load().model_dump(mode="json")
    running = state.adopted(os.environ, Path.cwd())
    from_dev = running.settings if running else {}
    set_here = {name.upper(): value for name, value in os.environ.items()}

    def source(setting: settings.SettingField) -> str:
        name = setting.name
        if name not in set_here:
            return "derived" if setting.rule else "default"
        return "dev" if from_dev.get(name) == set_here[name] else "environment"

    mask = settings.mask()
    return [
        Setting(each.name, mask.hide_in(given[each.section][each.field]), source(each), each.meaning)
        for each in settings.described()
        if every or not each.is_advanced or each.name in set_here
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
        style = "dim" if each.source in UNSET else "bold"
        table.add_row(each.name, value, Text(each.source, style), each.meaning)
    Console().print(table)
