"""`tagstream schemas`: the contract, for machines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer


def schemas(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="All of it as one JSON object.")] = False,
    output: Annotated[Path | None, typer.Option(help="Write a file for each into this folder.")] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Hold the files against the code; 1 if they differ.")
    ] = False,
) -> None:
    """Print the JSON Schema of every event, AsyncAPI of every topic and OpenAPI of the HTTP API.

    Examples: `tagstream schemas`, `tagstream schemas --output docs/schemas`,
    `tagstream schemas --check`
    """
    from operations import contract_files

    if check:
        _check(output or contract_files.COMMITTED)
    elif output:
        for file in contract_files.write(output, _documents()):
            typer.echo(file)
    elif as_json:
        typer.echo(json.dumps(_documents(), indent=2))
    else:
        _print()


def _documents() -> dict[str, Any]:
    from console.app import api_document
    from operations import contract_files

    return contract_files.documents(api_document())


def _check(folder: Path) -> None:
    """Say what differs; exit 1 where anything does."""
    from operations import contract_files

    found = list(contract_files.differences(folder, _documents()))
    for line in found:
        typer.echo(line, err=True)
    if found:
        typer.echo(f"`tagstream schemas --output {folder}` writes them anew", err=True)
        raise typer.Exit(1)
    typer.echo(f"{folder} says what the code does")


def _print() -> None:
    from schemas.contract.published import CHANNELS
    from tagstream.render import tables
    from tagstream.render.console import PrintableConsole

    table = tables.plain("Topic", "Carries", "Keyed by", gap=1)
    for channel in CHANNELS:
        names = [event.__name__ for event in channel.events] or ["messages as they came"]
        table.add_row(channel.topic, ", ".join(names), channel.key)
    PrintableConsole().print(table)
    typer.echo("\n--json prints the schemas, --output DIR writes them")
