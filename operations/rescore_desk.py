"""Desk of the jobs: what the store has of them, and a person's word to one, without what runs them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from agents.wiring.settings import Settings
from operations import rescore_jobs, store
from operations.rescore_jobs import JobStanding
from schemas.errors import ConfigurationError
from schemas.rescore_jobs import RescoreJob, SpoiledJob
from streams.ports import RescoreJobs


async def steered(settings: Settings, steer: Callable[[RescoreJobs], Awaitable[RescoreJob]]) -> JobStanding:
    """The job as a person has steered it; raises `ConfigurationError`."""
    async with store.open_store(settings.store) as jobs:
        return rescore_jobs.standing(await steer(jobs))


async def standing(settings: Settings, job_id: str | None) -> JobStanding:
    """The job of that name, or the newest; raises `ConfigurationError` where there is none."""
    async with store.open_store(settings.store) as jobs:
        if job_id is None:
            every = [each.id for each in await jobs.jobs()]
            if not every:
                raise ConfigurationError("there is no replay yet: `tagstream replay start` begins one")
            job_id = max(every)
        return await rescore_jobs.find(jobs, job_id)


async def every(settings: Settings) -> tuple[JobStanding | SpoiledJob, ...]:
    """All jobs, by their names, which begin with the time of their start."""
    async with store.open_store(settings.store) as jobs:
        found = await jobs.jobs()
    return tuple(each if isinstance(each, SpoiledJob) else rescore_jobs.standing(each) for each in found)
