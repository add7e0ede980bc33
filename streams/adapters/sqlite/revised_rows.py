"""Statements of a table of documents with revisions (compare and swap); called on the store's own threads."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from streams.adapters.revised import Revised

Whole = TypeVar("Whole", bound=Revised)
Spoiled = TypeVar("Spoiled")


@dataclass(frozen=True)
class RevisedRows(Generic[Whole, Spoiled]):
    """One table, `(id, document)`; each call is within the caller's transaction."""

    table: str
    kind: type[Whole]
    parse: Callable[[str, Any], Whole | Spoiled]
    """What the document of that id is, or what is wrong with it."""

    def create(self, connection: sqlite3.Connection, whole: Whole) -> bool:
        """Add it, unless one of its id is there."""
        row = (whole.id, whole.model_dump_json())
        added = connection.execute(
            f"INSERT OR IGNORE INTO {self.table} (id, document) VALUES (?, ?)",  # noqa: S608 - a name of ours
            row,
        )
        return added.rowcount == 1

    def replace(self, connection: sqlite3.Connection, whole: Whole, *, over: int) -> bool:
        """Compare and swap: the caller's transaction holds the write lock."""
        stored = self.find(connection, whole.id)
        if not isinstance(stored, self.kind) or stored.revision != over:
            return False
        row = (whole.model_dump_json(), whole.id)
        connection.execute(f"UPDATE {self.table} SET document = ? WHERE id = ?", row)  # noqa: S608
        return True

    def find(self, connection: sqlite3.Connection, which: str) -> Whole | Spoiled | None:
        """The one of that id."""
        found = self.document(connection, which)
        return None if found is None else self.parse(which, found)

    def every(self, connection: sqlite3.Connection) -> tuple[Whole | Spoiled, ...]:
        """All of them, by id."""
        found = connection.execute(f"SELECT id, document FROM {self.table} ORDER BY id")  # noqa: S608
        return tuple(self.parse(which, document) for which, document in found)

    def document(self, connection: sqlite3.Connection, which: str) -> str | None:
        """As it is stored."""
        asked = f"SELECT document FROM {self.table} WHERE id = ?"  # noqa: S608
        found = connection.execute(asked, (which,)).fetchone()
        return None if found is None else str(found[0])
