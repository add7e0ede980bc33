"""Jobs as people steer them: started, listed, paused, resumed, cancelled, and given another rate."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from operations.rescore_lease import known, refuse_ended, swap
from schemas.errors import ConfigurationError
from schemas.leases import MARGIN
from schemas.rescore_jobs import FromStore, RescoreJob, RescoreState
from streams.ports import RescoreJobs

GOING: Final = frozenset({RescoreState.RUNNING, RescoreState.WAITING})


@dataclass(frozen=True, slots=True)
class JobStanding:
    """A job, and whether somebody runs it."""

    job: RescoreJob
    now: datetime

    @property
    def runner(self) -> str | None:
        """Who runs it, as far as its lease says."""
        held = self.job.lease
        return held.runner if held and not held.is_over(self.now, margin=MARGIN) else None

    @property
    def is_orphaned(self) -> bool:
        """Whether it should run and nobody runs it."""
        return self.job.state in GOING and self.runner is None

    @property
    def words(self) -> str:
        """Its state for people."""
        if self.is_orphaned:
            return "no runner"
        return str(self.job.state)

    def document(self) -> dict[str, Any]:
        """As plain values."""
        return {**self.job.model_dump(mode="json"), "runner": self.runner, "is_orphaned": self.is_orphaned}


def standing(job: RescoreJob) -> JobStanding:
    """The job as of now."""
    return JobStanding(job, datetime.now(UTC))


async def create(jobs: RescoreJobs, job: RescoreJob) -> RescoreJob:
    """Keep a new job, under a name of its own: two may be started in one second."""
    number, named = 1, job
    while not await jobs.create_job(named):
        number += 1
        named = job.model_copy(update={"id": f"{job.id}-{number}"})
    return named


async def pause(jobs: RescoreJobs, job_id: str) -> RescoreJob:
    """Have the job rest: its runner settles what is open, a page or two, and stops."""

    def paused(job: RescoreJob) -> RescoreJob:
        refuse_ended(job)
        if job.state is RescoreState.PAUSED:
            return job
        return job.model_copy(update={"state": RescoreState.PAUSED, "why": ""})

    return await swap(jobs, job_id, paused)


async def cancel(jobs: RescoreJobs, job_id: str) -> RescoreJob:
    """End the job for good: its runner stops, and workers pass over what is left of it in the lane."""

    def cancelled(job: RescoreJob) -> RescoreJob:
        if job.state is RescoreState.FINISHED:
            raise ConfigurationError(f"replay {job_id}: it is finished: there is nothing to cancel")
        if job.state is RescoreState.CANCELLED:
            return job
        return job.model_copy(update={"state": RescoreState.CANCELLED, "why": ""})

    return await swap(jobs, job_id, cancelled)


async def set_rate(jobs: RescoreJobs, job_id: str, rate: float | None) -> RescoreJob:
    """Have the job send so many images a second at most, from its next page on; None: as many as are done."""
    if rate is not None:
        refuse_endless(rate)

    def paced(job: RescoreJob) -> RescoreJob:
        refuse_ended(job)
        return job if job.rate == rate else job.model_copy(update={"rate": rate})

    return await swap(jobs, job_id, paced)


def refuse_endless(rate: float) -> None:
    """Raise `ConfigurationError` for a rate that limits nothing: no document could say it."""
    if not math.isfinite(rate):
        raise ConfigurationError(
            f"rate {rate}: images a second, as 20; without a limit leave --rate out, or"
            " `tagstream replay rate JOB 0`"
        )


def as_it_is(job: RescoreJob) -> RescoreJob:
    """No change."""
    return job


def resumed(job: RescoreJob, *, accept_gone: bool = False, from_store: bool = False) -> RescoreJob:
    """The job as its next runner begins with it; raises `ConfigurationError`.

    The uploads topic and the store name images in the same order: a job of the one can go on in the other,
    from the checkpoint that it has.
    """
    update: dict[str, Any] = {}
    if job.state not in GOING:
        update = {"state": RescoreState.RUNNING, "why": ""}
    if from_store and job.source.kind not in {"uploads", "store"}:
        raise ConfigurationError(
            f"replay {job.id}: --from-store: no topic that forgets names its images ({job.source.kind}):"
            " resume it without that option"
        )
    if from_store:
        update |= {"source": FromStore(), "total": None}
    elif accept_gone and job.source.kind == "uploads":
        update["source"] = job.source.model_copy(update={"accepts_gone": True})
    return job.model_copy(update=update)


async def find(jobs: RescoreJobs, job_id: str) -> JobStanding:
    """The job of that name; raises `ConfigurationError`."""
    return standing(await known(jobs, job_id))
