"""`tagstream store`: what the score store needs beside its documents."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from agents.wiring.settings import StoreSettings
    from streams.adapters.mongo.indexes import FoundIndex

app = typer.Typer(help="The score store's indexes.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="One JSON object.")]


@app.callback()
def store() -> None:
    """The score store's indexes: what is declared, and what is there."""


@app.command()
def apply(*, as_json: Json = False) -> None:
    """Make every declared index that is not there yet; safe to run again, and while workers write.

    An index that differs from its declaration is left as it is: dropping one is yours to decide.

    Example: `TAGSTREAM_STORE__URL=mongodb://127.0.0.1:27017 tagstream store apply`
    """
    _tell(applies=True, as_json=as_json)


@app.command()
def show(*, as_json: Json = False) -> None:
    """Show the indexes and shard keys that are declared, and which of the indexes are there.

    Example: `TAGSTREAM_STORE__URL=mongodb://127.0.0.1:27017 tagstream store show --json`
    """
    _tell(applies=False, as_json=as_json)


def _tell(*, applies: bool, as_json: bool) -> None:
    from agents.wiring import settings

    given = settings.load().store
    if given.url is None:
        _tell_sqlite(given, as_json=as_json)
    else:
        _tell_mongo(given, _found(given, applies=applies), as_json=as_json)


def _tell_sqlite(given: StoreSettings, *, as_json: bool) -> None:
    document = {"store": "sqlite", "path": str(given.path), "indexes": [], "shard": []}
    said = f"SQLite at {given.path}: nothing to apply, it makes its tables and indexes when it is opened"
    typer.echo(json.dumps(document, indent=2) if as_json else said)


def _tell_mongo(given: StoreSettings, found: Sequence[FoundIndex], *, as_json: bool) -> None:
    from streams.adapters.mongo.indexes import shard_commands

    indexes, commands = [_row(each) for each in found], shard_commands(given.database)
    if as_json:
        typer.echo(json.dumps({"store": "mongodb", "indexes": indexes, "shard": commands}, indent=2))
    else:
        _print(indexes, commands)


def _found(given: StoreSettings, *, applies: bool) -> Sequence[FoundIndex]:
    from agents.wiring.backends import blamed
    from agents.wiring.settings import blame
    from schemas.errors import Unavailable

    try:
        with blame(blamed(given)):
            return asyncio.run(_ask(given, applies=applies))
    except Unavailable as error:
        typer.echo(f"tagstream: {error}", err=True)
        raise typer.Exit(1) from error


async def _ask(given: StoreSettings, *, applies: bool) -> Sequence[FoundIndex]:
    from agents.wiring.backends import open_mongo

    async with open_mongo(given) as opened:
        return await (opened.apply_indexes() if applies else opened.indexes())


def _row(each: FoundIndex) -> Mapping[str, Any]:
    index = each.index
    return {
        "collection": index.collection,
        "name": index.name,
        "keys": dict(index.keys),
        "why": index.why,
        "standing": str(each.standing),
    }


def _print(indexes: Sequence[Mapping[str, Any]], commands: Sequence[str]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("Collection", "Index", "Keys", "For", "Here"):
        table.add_column(column, no_wrap=column == "Index")  # a name that is cut short cannot be copied
    for row in indexes:
        keys = ", ".join(f"{name}: {kind}" for name, kind in row["keys"].items())
        table.add_row(row["collection"], row["name"], keys, row["why"], row["standing"])
    console = Console(soft_wrap=True, highlight=False)
    console.print(table)
    console.print("\nOn a sharded cluster its administrator runs, once, before the first image:")
    for command in commands:
        console.print(f"  {command}", markup=False)
