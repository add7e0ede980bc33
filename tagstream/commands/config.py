"""`tagstream config`: what this environment sets."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

app = typer.Typer(help="Look at the settings.", no_args_is_help=True)


@app.callback()
def config() -> None:
    """Look at the settings of this environment."""


@app.command()
def show(*, as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False) -> None:
    """Show every setting, its value here, and what it means; secrets are masked.

    Example: `TAGSTREAM_BATCH__MAX_SIZE=64 tagstream config show`
    """
    from agents import settings  # noqa: PLC0415

    given = settings.load().model_dump(mode="json")
    rows = [(variable, _value(given, variable), meaning) for variable, meaning, _ in settings.names()]
    if as_json:
        typer.echo(json.dumps({variable: value for variable, value, _ in rows}, indent=2))
    else:
        _print(rows)


def _value(given: dict[str, Any], variable: str) -> Any:  # noqa: ANN401 - whatever the setting is
    section, name = variable.removeprefix("TAGSTREAM_").lower().split("__")
    return given[section][name]


def _print(rows: list[tuple[str, Any, str]]) -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, header_style="bold")
    # Whatever the width of the terminal: a name that is cut short cannot be copied.
    table.add_column("Setting", no_wrap=True, min_width=max(len(variable) for variable, _, _ in rows))
    table.add_column("Value", overflow="fold")
    table.add_column("Meaning")
    for variable, value, meaning in rows:
        table.add_row(variable, "[dim]-[/]" if value is None else json.dumps(value), meaning)
    Console().print(table)
