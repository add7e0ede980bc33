"""Statements of the jobs' table; called on the store's own threads, in its transactions."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping

from schemas.rescore_jobs import RescoreJob, RescoreState, SpoiledJob, job_in, state_in


def create(connection: sqlite3.Connection, job: RescoreJob) -> bool:
    """Add the job, unless one of its id is there."""
    row = (job.id, job.model_dump_json())
    added = connection.execute("INSERT OR IGNORE INTO rescore_jobs (id, document) VALUES (?, ?)", row)
    return added.rowcount == 1


def replace(connection: sqlite3.Connection, job: RescoreJob, *, over: int) -> bool:
    """Compare and swap: the caller's transaction holds the write lock."""
    stored = find(connection, job.id)
    if not isinstance(stored, RescoreJob) or stored.revision != over:
        return False
    connection.execute("UPDATE rescore_jobs SET document = ? WHERE id = ?", (job.model_dump_json(), job.id))
    return True


def find(connection: sqlite3.Connection, job_id: str) -> RescoreJob | SpoiledJob | None:
    """The job of that id."""
    found = _document(connection, job_id)
    return None if found is None else job_in(job_id, found)


def every(connection: sqlite3.Connection) -> tuple[RescoreJob | SpoiledJob, ...]:
    """All of them, by id."""
    found = connection.execute("SELECT id, document FROM rescore_jobs ORDER BY id")
    return tuple(job_in(job_id, document) for job_id, document in found)


def states(connection: sqlite3.Connection, job_ids: Collection[str]) -> Mapping[str, RescoreState]:
    """Where those stand that are known."""
    found = {job_id: _document(connection, job_id) for job_id in job_ids}
    return {job_id: state_in(document) for job_id, document in found.items() if document is not None}


def _document(connection: sqlite3.Connection, job_id: str) -> str | None:
    found = connection.execute("SELECT document FROM rescore_jobs WHERE id = ?", (job_id,)).fetchone()
    return None if found is None else str(found[0])
