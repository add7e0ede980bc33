"""Batch jobs as people steer them: found, listed, cancelled and resumed, and how far they have come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from operations import compare_and_swap
from operations.batch_chunks import is_free
from schemas import leases
from schemas.batch_jobs import BatchJob, BatchState, SpoiledBatch
from schemas.did_you_mean import did_you_mean
from schemas.errors import ConfigurationError
from streams.ports import BatchJobs

BatchChange = Callable[[BatchJob], BatchJob]
"""What becomes of a job; called again where somebody wrote meanwhile. The very same job changes nothing."""

AnyBatch = BatchJob | SpoiledBatch

NOBODY: Final = "no server works at it: `tagstream serve` does"


class UnknownBatch(ConfigurationError):
    """There is no such batch job."""


class BatchConflict(ConfigurationError):
    """The job does not stand where this could be done."""


@dataclass(frozen=True, slots=True)
class BatchProgress:
    """How far a job has come, and until when it may take."""

    job: BatchJob
    now: datetime

    @property
    def is_orphaned(self) -> bool:
        """Whether it should run, and nobody works at it."""
        if self.job.state is not BatchState.RUNNING:
            return False
        untouched = (self.now - self.job.updated_at).total_seconds()
        return untouched > leases.SECONDS + leases.MARGIN and all(
            is_free(each, self.now) for each in self.job.open
        )

    @property
    def share(self) -> float:
        """Of the list, by its bytes: how many rows it has is known only at its end."""
        size = self.job.input.size - self.job.input.begin
        return min(1.0, self.job.bytes_done / size) if size > 0 else 1.0

    @property
    def seconds_left(self) -> float | None:
        """At the pace since it was made or resumed; None where that is not known."""
        job = self.job
        done = job.bytes_done - job.bytes_before
        if job.state is not BatchState.RUNNING or job.going_since is None or done <= 0:
            return None
        seconds = (self.now - job.going_since).total_seconds()
        left = job.input.size - job.input.begin - job.bytes_done
        return max(0.0, seconds * left / done)

    @property
    def words(self) -> str:
        """Its state for people."""
        return "waiting" if self.is_orphaned else str(self.job.state)


def progress(job: BatchJob) -> BatchProgress:
    """As of now."""
    return BatchProgress(job, datetime.now(UTC))


async def known(jobs: BatchJobs, batch_id: str) -> BatchJob:
    """The job; raises `UnknownBatch` with the nearest ids, `ConfigurationError` where it was spoiled."""
    found = await jobs.batch(batch_id)
    if found is None:
        every = [each.id for each in await jobs.batches()]
        hint = did_you_mean(batch_id, every, otherwise="`tagstream batch list` shows them", most=3)
        raise UnknownBatch(f"batch {batch_id}: there is no such job{hint}")
    return found


async def swap(jobs: BatchJobs, batch_id: str, change: BatchChange) -> BatchJob:
    """The job as `change` has made it; raises as `known` does."""
    return await compare_and_swap.swap(lambda: known(jobs, batch_id), jobs.replace_batch, change)


async def listed(jobs: BatchJobs) -> tuple[AnyBatch, ...]:
    """All of them, the newest first; those that were spoiled last."""
    return tuple(sorted(await jobs.batches(), key=place, reverse=True))


async def cancel(jobs: BatchJobs, batch_id: str) -> BatchJob:
    """Stop the job: servers leave the rows that they work at within seconds. Its parts stay."""

    def cancelled(job: BatchJob) -> BatchJob:
        if job.state is BatchState.FINISHED:
            raise BatchConflict(f"batch {batch_id}: it is finished: there is nothing to cancel")
        if job.state is BatchState.CANCELLED:
            return job
        return job.model_copy(update={"state": BatchState.CANCELLED, "why": "", "code": None})

    return await swap(jobs, batch_id, cancelled)


async def resume(jobs: BatchJobs, batch_id: str, *, max_failed: float | None = None) -> BatchJob:
    """Have a job go on that was cancelled or has failed; what has a part is not scored again.

    `max_failed` is the share of rows with an error that it may have from now on.
    """

    def resumed(job: BatchJob) -> BatchJob:
        if job.state is BatchState.FINISHED:
            raise BatchConflict(f"batch {batch_id}: it is finished: there is nothing to resume")
        share = job.max_failed if max_failed is None else max_failed
        if job.state is BatchState.RUNNING and share == job.max_failed:
            return job
        rested = tuple(each.model_copy(update={"tries": 0}) for each in job.open)
        again = {"state": BatchState.RUNNING, "why": "", "code": None, "max_failed": share}
        return job.model_copy(
            update={**again, "open": rested, "going_since": None, "bytes_before": job.counts.bytes}
        )

    return await swap(jobs, batch_id, resumed)


def place(job: AnyBatch) -> tuple[str, str]:
    """Where it stands in the order of `listed`: by when it was made."""
    at = job.created_at.isoformat() if isinstance(job, BatchJob) else ""
    return at, job.id
