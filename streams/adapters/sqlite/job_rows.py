"""Statements of the jobs' table; called on the store's own threads, in its transactions."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping
from typing import Final

from schemas.rescore_jobs import RescoreJob, RescoreState, SpoiledJob, job_in, state_in
from streams.adapters.sqlite.revised_rows import RevisedRows

JOBS: Final = RevisedRows[RescoreJob, SpoiledJob]("rescore_jobs", RescoreJob, job_in)


def states(connection: sqlite3.Connection, job_ids: Collection[str]) -> Mapping[str, RescoreState]:
    """Where those stand that are known."""
    found = {job_id: JOBS.document(connection, job_id) for job_id in job_ids}
    return {job_id: state_in(document) for job_id, document in found.items() if document is not None}
