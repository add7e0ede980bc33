"""`tagstream schemas`: the contract, for machines."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer

COMMITTED: Final = Path("docs/schemas")


def schemas(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="All of it as one JSON object.")] = False,
    output: Annotated[Path | None, typer.Option(help="Write a file for each into this folder.")] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Hold the files against the code; 1 if they differ.")
    ] = False,
) -> None:
    """Print the JSON Schema of every event and the AsyncAPI document of every topic.

    Examples: `tagstream schemas`, `tagstream schemas --output docs/schemas`,
    `tagstream schemas --check`
    """
    if check:
        _check(output or COMMITTED)
    elif output:
        _write(output)
    elif as_json:
        typer.echo(json.dumps(_documents(), indent=2))
    else:
        _print()


def _documents() -> dict[str, Any]:
    """Every document, by the name of its file."""
    from schemas.contract import asyncapi, published

    events = {f"{name}.json": schema for name, schema in published.json_schemas().items()}
    return events | {"asyncapi.json": asyncapi.document()}


def _text(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _write(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, document in _documents().items():
        (folder / name).write_text(_text(document), encoding="utf-8")
        typer.echo(folder / name)


def _check(folder: Path) -> None:
    """Say what differs, and what of it breaks those who read the topics; exit 1 where anything does."""
    found = list(_drift(folder))
    for line in found:
        typer.echo(line, err=True)
    if found:
        typer.echo(f"`tagstream schemas --output {folder}` writes them anew", err=True)
        raise typer.Exit(1)
    typer.echo(f"{folder} says what the code does")


def _drift(folder: Path) -> Iterator[str]:
    from schemas.contract.compatibility import breaks

    documents = _documents()
    for path in sorted(folder.glob("*.json")):
        if path.name not in documents:
            yield f"{path}: no such event any more"
    for name, document in documents.items():
        path = folder / name
        committed = path.read_text(encoding="utf-8") if path.is_file() else None
        if committed == _text(document):
            continue
        yield f"{path}: {'differs' if committed else 'missing'}"
        if committed and name != "asyncapi.json":
            yield from (f"  breaks {each}" for each in breaks(json.loads(committed), document))


def _print() -> None:
    from rich.console import Console
    from rich.table import Table

    from schemas.contract.published import CHANNELS

    table = Table("Topic", "Carries", "Keyed by", box=None, pad_edge=False, header_style="bold")
    for channel in CHANNELS:
        names = [event.__name__ for event in channel.events] or ["messages as they came"]
        table.add_row(channel.topic, ", ".join(names), channel.key)
    Console().print(table)
    typer.echo("\n--json prints the schemas, --output DIR writes them")
