"""The store's indexes in the terminal."""

from __future__ import annotations

import json
from pathlib import Path

import typer

from operations.store_indexes import StoreIndexes
from tagstream.render import tables
from tagstream.render.console import PrintableConsole, PrintableTable


def show_sqlite(path: Path, *, as_json: bool) -> None:
    """SQLite has nothing to show."""
    if as_json:
        typer.echo(
            json.dumps(
                {"store": "sqlite", "path": str(path), "indexes": [], "shard": [], "before_shard": []},
                indent=2,
            )
        )
        return
    typer.echo(f"SQLite at {path}: nothing to apply, it makes its tables and indexes when it is opened")


def show(indexes: StoreIndexes, *, as_json: bool) -> None:
    """A row an index, then what differs and how to mend it, then how to shard."""
    if as_json:
        document = {"store": "mongodb", "indexes": indexes.rows, "shard": list(indexes.shard)}
        document["before_shard"] = list(indexes.before_shard)
        typer.echo(json.dumps(document, indent=2))
        return
    console = PrintableConsole(soft_wrap=True)
    console.print(_table(indexes))
    for row in indexes.rows:
        if row["mend"]:
            built = f", what is there: {row['built']}" if row["built"] else ""
            console.print(f"\n{row['collection']}.{row['name']} ({row['standing']}{built})")
            console.print(f"  {row['mend']}")
    console.print("\nOn a sharded cluster, and nowhere else, its administrator runs in mongosh, once:")
    for command in indexes.shard:
        console.print(f"  {command}")
    console.print("Before that, where the collections hold documents already:")
    for command in indexes.before_shard:
        console.print(f"  {command}")


def _table(indexes: StoreIndexes) -> PrintableTable:
    # A name that is cut short cannot be copied.
    table = tables.plain("Collection", "Index", "Keys", "For", "Here", whole={"Index"})
    for row in indexes.rows:
        keys = ", ".join(f"{name}: {kind}" for name, kind in row["keys"].items())
        table.add_row(row["collection"], row["name"], keys, row["why"], row["standing"])
    return table
