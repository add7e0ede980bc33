"""Lease of a job: one runner at a time, renewed while it lives, and taken over when it has died.

Every change goes through the document's compare-and-swap and is refused to whoever is not its lease's owner,
so a runner that was frozen while another took over moves nothing when it wakes. Clocks are compared between
machines only to see whether a lease is over, with `MARGIN` seconds to spare. Where they differ by more, a
lease may be taken early: its owner is then told at its next change, and some images are asked for twice.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from operations import compare_and_swap
from operations.lease_renewal import while_renewed
from schemas import leases
from schemas.did_you_mean import did_you_mean
from schemas.errors import ConfigurationError, TagstreamError
from schemas.leases import MARGIN, SECONDS, Lease
from schemas.rescore_jobs import RescoreJob
from streams.clock import Clock, SystemClock
from streams.ports import RescoreJobs

T = TypeVar("T")
JobChange = Callable[[RescoreJob], RescoreJob]
"""What becomes of a job; called again where somebody wrote meanwhile, so what it has done it must see."""


class LeaseTaken(TagstreamError):
    """Another runner has the job: this one must stop."""


class RunElsewhere(ConfigurationError):
    """Somebody else runs the job."""


class Outlast(Protocol):
    """Calls again while a dependency is away; `Dependencies.retry_until_available` does."""

    def __call__(self, call: Callable[[], Awaitable[T]]) -> Awaitable[T]:
        """What the call returns in the end."""


async def swap(jobs: RescoreJobs, job_id: str, change: JobChange) -> RescoreJob:
    """The job as `change` made it; itself where that changes nothing. Raises `ConfigurationError`."""
    return await compare_and_swap.swap(lambda: known(jobs, job_id), jobs.replace_job, change)


async def known(jobs: RescoreJobs, job_id: str) -> RescoreJob:
    """The job; raises `ConfigurationError` where there is none, with the nearest names."""
    found = await jobs.job(job_id)
    if found is None:
        every = [each.id for each in await jobs.jobs()]
        hint = did_you_mean(job_id, every, otherwise="`tagstream replay list` shows them", most=3)
        raise ConfigurationError(f"replay {job_id}: there is no such job{hint}")
    return found


class HeldJob:
    """A job whose lease this runner has; `job` is as old as its last change."""

    def __init__(
        self, jobs: RescoreJobs, job: RescoreJob, runner: str, *, outlast: Outlast, clock: Clock | None = None
    ) -> None:
        self.job = job
        self._jobs = jobs
        self._runner = runner
        self._outlast = outlast
        self._clock = clock or SystemClock()

    async def change(self, change: JobChange) -> RescoreJob:
        """Make the change and renew the lease, durably; raises `LeaseTaken` where another runner has it."""
        return await self._write(
            lambda job: change(self._own(job)).model_copy(update={"lease": lease(self._runner)})
        )

    async def give_back(self, change: JobChange = lambda job: job) -> RescoreJob:
        """Make the change, and let others take the job at once."""

        def given_back(job: RescoreJob) -> RescoreJob:
            if job.lease is None:  # written before, and its answer was lost
                return job
            return change(self._own(job)).model_copy(update={"lease": None})

        return await self._write(given_back)

    async def while_held(self, work: Coroutine[Any, Any, T]) -> T:
        """What `work` returns; cancelled, and `LeaseTaken` raised, where the lease goes to another."""
        return await while_renewed(work, self._renew())

    async def _renew(self) -> None:
        while True:
            await self._clock.sleep(SECONDS / 3)
            await self.change(lambda job: job)

    async def _write(self, change: JobChange) -> RescoreJob:
        written = await self._outlast(lambda: swap(self._jobs, self.job.id, change))
        if written.revision >= self.job.revision:  # a renewal may be told later than what came after it
            self.job = written
        return written

    def _own(self, job: RescoreJob) -> RescoreJob:
        if job.lease is None or job.lease.runner != self._runner:
            by = f"{job.lease.runner} runs it" if job.lease else "its lease was taken back"
            raise LeaseTaken(f"replay {job.id}: {by} now; this runner has stopped")
        return job


async def take(  # noqa: PLR0913 - whose, by whom, and how
    jobs: RescoreJobs,
    job_id: str,
    runner: str,
    *,
    outlast: Outlast,
    change: JobChange = lambda job: job,
    clock: Clock | None = None,
) -> HeldJob:
    """Lease the job, changed so; raises `RunElsewhere`, or `ConfigurationError` where it has ended."""

    def taken(job: RescoreJob) -> RescoreJob:
        refuse_ended(job)
        held, now = job.lease, datetime.now(UTC)
        if held and held.runner != runner and not held.is_over(now, margin=MARGIN):
            raise RunElsewhere(
                f"replay {job_id}: {held.runner} runs it, until {held.until.isoformat(timespec='seconds')}"
                f" unless it renews that; `tagstream replay pause {job_id}` stops it; killed, it is missed"
                f" {SECONDS + MARGIN:g} seconds later"
            )
        return change(job).model_copy(update={"lease": lease(runner)})

    leased = await outlast(lambda: swap(jobs, job_id, taken))
    return HeldJob(jobs, leased, runner, outlast=outlast, clock=clock)


def lease(runner: str) -> Lease:
    """A new lease, from now on."""
    return leases.lease(runner, datetime.now(UTC))


def refuse_ended(job: RescoreJob) -> None:
    """Raise `ConfigurationError` for a job that nobody resumes."""
    if job.has_ended:
        raise ConfigurationError(
            f"replay {job.id}: it is {job.state}; `tagstream replay start` begins another, which passes over"
            " what has the scores"
        )
