"""The store's indexes in the terminal."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from operations.store_indexes import StoreIndexes


def show_sqlite(path: Path, *, as_json: bool) -> None:
    """SQLite has nothing to show."""
    if as_json:
        _write({"store": "sqlite", "path": str(path), "indexes": [], "shard": []})
        return
    sys.stdout.write(
        f"SQLite at {path}: nothing to apply, it makes its tables and indexes when it is opened\n"
    )


def show(indexes: StoreIndexes, *, as_json: bool) -> None:
    """A row an index, then how to shard."""
    if as_json:
        _write({"store": "mongodb", "indexes": indexes.rows, "shard": list(indexes.shard)})
        return
    console = Console(soft_wrap=True, highlight=False)
    console.print(_table(indexes))
    console.print("\nOn a sharded cluster its administrator runs, once, before the first image:")
    for command in indexes.shard:
        console.print(f"  {command}", markup=False)


def _table(indexes: StoreIndexes) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("Collection", "Index", "Keys", "For", "Here"):
        table.add_column(column, no_wrap=column == "Index")  # a name that is cut short cannot be copied
    for row in indexes.rows:
        keys = ", ".join(f"{name}: {kind}" for name, kind in row["keys"].items())
        table.add_row(row["collection"], row["name"], keys, row["why"], row["standing"])
    return table


def _write(document: object) -> None:
    sys.stdout.write(json.dumps(document, indent=2) + "\n")
