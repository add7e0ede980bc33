"""State transitions of a batch job: chunks are cut, leased, renewed, counted and given back. Pure.

Each is called with the job as it is stored, again where somebody wrote meanwhile, and returns that very job
where it changes nothing. Clocks are compared between machines only to see whether a lease is over, with
`MARGIN` seconds to spare.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from schemas.batch_jobs import BatchChunk, BatchJob, BatchState
from schemas.errors import TagstreamError
from schemas.leases import MARGIN, lease

MOST_TRIES: Final = 8
"""Of one chunk. Whoever begins with it and does not come to its end has died of it, or was stopped."""

ENOUGH_ROWS: Final = 1_000
"""Before so many are done nothing is said of the share that fails."""

KEEPS_DYING: Final = "chunk-keeps-failing"
TOO_MANY_ERRORS: Final = "too-many-errors"


class ChunkTaken(TagstreamError):
    """Another server has the chunk, or nobody shall have it: this one must stop."""


@dataclass(frozen=True, slots=True)
class ChunkOutcome:
    """What became of the rows of a chunk."""

    failed: int
    errors: Mapping[str, int] = field(default_factory=dict)
    """Rows by the code of their error."""


@dataclass(frozen=True, slots=True)
class CutRows:
    """The next rows behind the cursor, read and not yet anybody's."""

    begin: int
    """The byte at which the cursor stood."""
    length: int
    """Bytes."""
    rows: int
    is_at_end: bool


def taken(job: BatchJob, runner: str, now: datetime) -> BatchJob:
    """With a lease for `runner` on the first chunk that nobody works at; itself where there is none."""
    free = next((each for each in job.open if is_free(each, now)), None)
    if job.state is not BatchState.RUNNING or free is None:
        return job
    if free.tries >= MOST_TRIES:
        why = (
            f"rows {free.first_row} to {free.first_row + free.rows - 1} were begun with {free.tries} times"
            " and never came to an end: see the logs of the servers"
        )
        return failed(job, KEEPS_DYING, why)
    chunk = free.model_copy(update={"tries": free.tries + 1, "seen": 0, "lease": lease(runner, now)})
    return _begun(_with(job, chunk), now)


def cut(job: BatchJob, found: CutRows, runner: str, now: datetime) -> BatchJob:
    """With the next chunk, leased to `runner`; itself where somebody has cut it, or nobody shall."""
    cursor = job.cursor
    if job.state is not BatchState.RUNNING or cursor.is_at_end or cursor.byte != found.begin:
        return job
    moved = {"byte": found.begin + found.length, "is_at_end": found.is_at_end}
    if not found.rows:
        return _changed(job, cursor=cursor.model_copy(update=moved))
    chunk = BatchChunk(
        number=cursor.chunks,
        begin=found.begin,
        end=found.begin + found.length,
        first_row=cursor.rows + 1,
        rows=found.rows,
        tries=1,
        lease=lease(runner, now),
    )
    moved |= {"chunks": cursor.chunks + 1, "rows": cursor.rows + found.rows}
    return _begun(_with(_changed(job, cursor=cursor.model_copy(update=moved)), chunk), now)


def renewed(job: BatchJob, number: int, runner: str, now: datetime, *, seen: int) -> BatchJob:
    """With a longer lease, and how many rows have a result.

    Raises `ChunkTaken`, also where the job was stopped meanwhile.
    """
    chunk = own(job, number, runner)
    if job.state is not BatchState.RUNNING:
        raise ChunkTaken(f"batch {job.id}: it is {job.state}")
    return _with(job, chunk.model_copy(update={"seen": seen, "lease": lease(runner, now)}))


def given_back(job: BatchJob, number: int, runner: str) -> BatchJob:
    """With the chunk free for others at once, as if it had not been begun with."""
    chunk = _find(job, number)
    if chunk is None or chunk.lease is None or chunk.lease.runner != runner:
        return job
    return _with(job, chunk.model_copy(update={"lease": None, "seen": 0, "tries": chunk.tries - 1}))


def counted(job: BatchJob, number: int, runner: str, outcome: ChunkOutcome) -> BatchJob:
    """With the chunk's rows counted, since its part is there; raises `ChunkTaken`.

    A job that somebody cancelled meanwhile counts them all the same: they are done.
    """
    chunk = own(job, number, runner)
    counts = job.counts
    errors = {
        code: counts.errors.get(code, 0) + outcome.errors.get(code, 0)
        for code in sorted({*counts.errors, *outcome.errors})
    }
    counts = counts.model_copy(
        update={
            "chunks": counts.chunks + 1,
            "rows": counts.rows + chunk.rows,
            "failed": counts.failed + outcome.failed,
            "bytes": counts.bytes + chunk.end - chunk.begin,
            "errors": errors,
        }
    )
    left = tuple(each for each in job.open if each.number != number)
    done = _changed(job, counts=counts, open=left, why="")
    return _stopped_by_errors(done)


def waiting(job: BatchJob, why: str) -> BatchJob:
    """With what it waits for, if it is running."""
    if job.state is not BatchState.RUNNING or job.why == why:
        return job
    return _changed(job, why=why)


def failed(job: BatchJob, code: str, why: str) -> BatchJob:
    """It cannot go on until somebody resumes it; what has ended stays."""
    if job.state is not BatchState.RUNNING:
        return job
    return _changed(job, state=BatchState.FAILED, code=code, why=why)


def finished(job: BatchJob, now: datetime) -> BatchJob:
    """Its manifest is there."""
    if job.state is not BatchState.RUNNING or not job.is_scored:
        return job
    return _changed(job, state=BatchState.FINISHED, why="", finished_at=now)


def own(job: BatchJob, number: int, runner: str) -> BatchChunk:
    """The chunk, which `runner` has leased; raises `ChunkTaken`."""
    chunk = _find(job, number)
    if chunk is None or chunk.lease is None or chunk.lease.runner != runner:
        raise ChunkTaken(f"batch {job.id}: chunk {number} is another server's now, or done")
    return chunk


def is_free(chunk: BatchChunk, now: datetime) -> bool:
    """Whether nobody works at it."""
    return chunk.lease is None or chunk.lease.is_over(now, margin=MARGIN)


def _stopped_by_errors(job: BatchJob) -> BatchJob:
    counts = job.counts
    if counts.rows < ENOUGH_ROWS or counts.failed <= job.max_failed * counts.rows:
        return job
    most = max(counts.errors, key=lambda code: counts.errors[code])
    why = (
        f"{counts.failed} of {counts.rows} rows failed, more than {job.max_failed:.0%}, mostly by {most}:"
        " see its errors; resume it with a higher share to go on"
    )
    return failed(job, TOO_MANY_ERRORS, why)


def _find(job: BatchJob, number: int) -> BatchChunk | None:
    return next((each for each in job.open if each.number == number), None)


def _with(job: BatchJob, chunk: BatchChunk) -> BatchJob:
    others = [each for each in job.open if each.number != chunk.number]
    return _changed(job, open=tuple(sorted([*others, chunk], key=lambda each: each.number)))


def _begun(job: BatchJob, now: datetime) -> BatchJob:
    return _changed(job, going_since=job.going_since or now)


def _changed(job: BatchJob, **facts: object) -> BatchJob:
    return job.model_copy(update=facts)
