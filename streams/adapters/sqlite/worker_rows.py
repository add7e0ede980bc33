"""Statements of the workers' table; called on the store's own threads, in its transactions."""

from __future__ import annotations

import sqlite3

from schemas.worker_states import WorkerState


def note(connection: sqlite3.Connection, state: WorkerState) -> None:
    """In place of what it said before."""
    row = (state.id, state.model_dump_json())
    connection.execute("INSERT OR REPLACE INTO workers (id, document) VALUES (?, ?)", row)


def forget(connection: sqlite3.Connection, worker_id: str) -> None:
    """Delete it."""
    connection.execute("DELETE FROM workers WHERE id = ?", (worker_id,))


def every(connection: sqlite3.Connection) -> tuple[WorkerState, ...]:
    """All of them, by id."""
    found = connection.execute("SELECT document FROM workers ORDER BY id")
    return tuple(WorkerState.model_validate_json(document) for (document,) in found)
