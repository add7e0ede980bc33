"""Rescores what was uploaded before: starts jobs, runs them, and takes over those whose runner has died."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from agents.presence import life_id
from agents.wiring.backends import kafka_connection
from agents.wiring.model_source import resolve_model
from agents.wiring.settings import Settings, blame
from model import checkpoint
from model.policy import Policy
from operations import (
    known_labels,
    known_versions,
    object_address,
    rescore_jobs,
    rescore_plan,
    rescore_publication,
    rescore_report,
)
from operations.current_user import current_user
from operations.rescore_ids import digest_of
from operations.rescore_lease import HeldJob, JobChange, LeaseTaken, RunElsewhere, lease, take
from operations.rescore_opening import RescoreWatch, RescoreWorld, opened, opened_lane, opened_source
from operations.rescore_plan import RescorePlan
from operations.rescore_runner import RescoreRunner
from operations.rescore_selection import RescoreSelection
from operations.rescore_sources import ImageSource
from operations.rescore_start import Start
from operations.rescore_uploads import UploadsSource
from operations.version_rules import rules_of
from schemas import topics
from schemas.errors import ConfigurationError, TagstreamError, Unavailable
from schemas.events import RescoreMode
from schemas.rescore_jobs import (
    FromIds,
    FromPrefix,
    FromStore,
    FromUploads,
    RescoreFilters,
    RescoreJob,
    RescoreSource,
    RescoreState,
)
from streams.adapters.kafka.reader import TopicReader

LOOK_SECONDS: Final = 5.0
"""How often a service looks for jobs that nobody runs."""

GIVING_BACK_SECONDS: Final = 10.0
"""For a lease to be given back when a runner is stopped; beyond it the lease ends by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RescoreRequest:
    """What a person asks for."""

    start: str | None = None
    """Of the uploads topic, as `Start.parse` reads it, or `store`."""
    ids: Path | None = None
    prefix: str | None = None
    version: str | None = None
    """That of the settings if absent."""
    filters: RescoreFilters = field(default_factory=RescoreFilters)
    rate: float | None = None
    reason: str = ""
    mode: RescoreMode = RescoreMode.APPLY
    accept_gone: bool = False
    force: bool = False
    """Also for a version, or a label, that nobody has."""


@dataclass(frozen=True, slots=True)
class RescoreResult:
    """What was planned, and the job; None where it was only planned."""

    plan: RescorePlan
    job: RescoreJob | None


Planned = Callable[[RescorePlan, RescoreJob], None]
"""Told what a job would do, before it does it."""

Failed = Callable[[str, Exception], None]
"""Told which job cannot go on, and why."""


async def start(  # noqa: PLR0913 - how far to go
    settings: Settings,
    request: RescoreRequest,
    watch: RescoreWatch,
    *,
    planned: Planned,
    dry_run: bool = False,
    detach: bool = False,
) -> RescoreResult:
    """Plan a job, keep it, and run it, unless it is left to another runner."""
    source_kind_of(request)
    refuse_nonsense(request)
    version = request.version or await _resident(settings)
    if request.version and not request.force:
        await known_versions.refuse_unknown(settings, version)
    async with opened(settings, watch) as world:
        if not request.force:
            await known_labels.refuse_unknown_labels(settings, world.scores, request.filters)
        job = _job(request, version, await _source(settings, request))
        async with opened_source(world, job.source) as source:
            plan = await _planned(world, job, source, is_whole=dry_run)
            planned(plan, job)
            if dry_run:
                return RescoreResult(plan, None)
            runner = life_id()
            total = plan.looked_at if plan.is_whole else source.total
            leased = {"total": total, "lease": None if detach else lease(runner)}
            job = await rescore_jobs.create(world.scores, job.model_copy(update=leased))
            if detach:
                return RescoreResult(plan, job)
            watch.moved(job)
            held = HeldJob(world.scores, job, runner, outlast=world.outlast)
            return RescoreResult(plan, await _given_back(held, _run(world, held, source)))


async def _resident(settings: Settings) -> str:
    """The version of the settings' model."""
    found = await resolve_model(settings)
    with blame(found.setting):
        return checkpoint.read_manifest(found.folder).version


async def resume(
    settings: Settings,
    job_id: str,
    watch: RescoreWatch,
    *,
    accept_gone: bool = False,
    from_store: bool = False,
) -> RescoreJob:
    """Run a job that rests, or whose runner has died; raises `ConfigurationError` where somebody runs it."""
    change = partial(rescore_jobs.resumed, accept_gone=accept_gone, from_store=from_store)
    async with opened(settings, watch) as world:
        return await _taken_over(world, job_id, change)


async def publish(
    settings: Settings, job_id: str, watch: RescoreWatch, *, most: float, accept: bool = False
) -> RescoreJob:
    """Let hold what a shadow has scored, and tell its changes; begun before, it goes on from its checkpoint.

    Raises `ConfigurationError` for what is no finished shadow, and where a label would flip on more than
    `most` of the images, unless that is accepted.
    """
    async with opened(settings, watch) as world:
        shadow = await rescore_jobs.find(world.scores, job_id)
        rescore_publication.refuse_unready(shadow.job)
        if not accept:
            rescore_report.of(shadow.job, most=most).refuse_flips()
        publication = rescore_publication.of(shadow.job, now=datetime.now(UTC), by=current_user())
        await world.outlast(lambda: world.scores.create_job(publication))
        begun = (await rescore_jobs.find(world.scores, publication.id)).job
        if begun.has_ended:
            return begun
        return await _taken_over(world, publication.id, rescore_jobs.resumed)


async def run_all(settings: Settings, watch: RescoreWatch, *, failed: Failed) -> None:
    """Run whatever job has no live runner, each beside the others, until cancelled."""
    async with opened(settings, watch) as world, asyncio.TaskGroup() as group:
        mine: dict[str, asyncio.Task[None]] = {}
        while True:
            for found in await world.outlast(world.scores.jobs):
                if isinstance(found, RescoreJob) and _is_for_a_service(found, mine):
                    mine[found.id] = group.create_task(_one_of_many(world, found.id, failed))
            await asyncio.sleep(LOOK_SECONDS)


def _is_for_a_service(job: RescoreJob, mine: dict[str, asyncio.Task[None]]) -> bool:
    if job.id in mine and not mine[job.id].done():
        return False
    is_elsewhere = isinstance(job.source, FromIds) and not Path(job.source.path).is_file()
    return rescore_jobs.standing(job).is_orphaned and not is_elsewhere


async def _one_of_many(world: RescoreWorld, job_id: str, failed: Failed) -> None:
    try:
        await _taken_over(world, job_id, rescore_jobs.as_it_is)
    except RunElsewhere:
        return  # another service was first
    except Exception as error:  # noqa: BLE001 - this job's alone: it says so itself, and the others go on
        failed(job_id, error)


async def _taken_over(world: RescoreWorld, job_id: str, change: JobChange) -> RescoreJob:
    held = await take(world.scores, job_id, life_id(), outlast=world.outlast, change=change)
    world.watch.moved(held.job)
    return await _given_back(held, _open_and_run(world, held))


async def _open_and_run(world: RescoreWorld, held: HeldJob) -> RescoreJob:
    async with opened_source(world, held.job.source) as source:
        return await _run(world, held, source)


async def _run(world: RescoreWorld, held: HeldJob, source: ImageSource) -> RescoreJob:
    is_shadow = held.job.mode is RescoreMode.SHADOW
    rules = await _rules(world, held.job.model_version) if is_shadow else None
    async with opened_lane(world) as lane:
        runner = RescoreRunner(
            held,
            source,
            world.scores,
            lane.publisher,
            lane.progress,
            outlast=world.outlast,
            watch=world.watch.moved,
            limits=world.settings.clock,
            rules=rules,
        )
        return await runner.run()


async def _rules(world: RescoreWorld, version: str) -> Policy:
    """Those of the version, which the registry has; it is waited for where it is away."""
    return await world.outlast(lambda: rules_of(world.settings, version))


async def _given_back(held: HeldJob, work: Coroutine[Any, Any, RescoreJob]) -> RescoreJob:
    """What `work` returns under the lease, which is given back whatever it ends by."""
    try:
        return await held.while_held(work)
    except LeaseTaken:
        raise
    except BaseException as error:
        broken_off = partial(_broken_off, error=error)
        async with _briefly():
            await held.give_back(broken_off)
        raise


@asynccontextmanager
async def _briefly() -> AsyncIterator[None]:
    with suppress(TimeoutError, TagstreamError):
        async with asyncio.timeout(GIVING_BACK_SECONDS):
            yield


def _broken_off(job: RescoreJob, *, error: BaseException) -> RescoreJob:
    """It fails by what no other runner mends; who was stopped, or waits in vain, leaves it to the next."""
    if job.has_ended or isinstance(error, Unavailable) or not isinstance(error, Exception):
        return job
    why = str(error) if isinstance(error, TagstreamError) else f"{type(error).__name__}: {error}"
    return job.model_copy(update={"state": RescoreState.FAILED, "why": why})


def refuse_nonsense(request: RescoreRequest) -> None:
    """Raise `ConfigurationError` for what no image can be asked by."""
    filters = request.filters
    if request.mode is RescoreMode.SHADOW and filters.decide_again:
        raise ConfigurationError("--decide-again: a shadow decides nothing; leave one of the two out")
    if filters.since and filters.until and filters.since >= filters.until:
        raise ConfigurationError(
            f"--until {filters.until.isoformat()}: no photograph was uploaded before then and since"
            f" {filters.since.isoformat()}"
        )
    if request.rate is not None:
        rescore_jobs.refuse_endless(request.rate)


def source_kind_of(request: RescoreRequest) -> str:
    """The one source that is asked for; raises `ConfigurationError` where none or several are."""
    named = {"--from": request.start, "--ids": request.ids, "--prefix": request.prefix}
    given = [option for option, value in named.items() if value is not None]
    if len(given) != 1:
        said = " and ".join(given) if given else "--from: say where to begin"
        raise ConfigurationError(
            f"{said}: one of --from earliest, a time, offsets as in 0:120,1:98, or store; --ids FILE; or"
            " --prefix s3://BUCKET/PREFIX"
        )
    if request.start is not None and request.start != "store":
        Start.parse(request.start)
    return given[0]


async def _source(settings: Settings, request: RescoreRequest) -> RescoreSource:
    """What is asked for, with the ends of now where a topic goes on."""
    if request.ids is not None:
        path = request.ids.absolute()
        return FromIds(path=str(path), digest=await asyncio.to_thread(digest_of, path))
    if request.prefix is not None:
        return _prefix(settings, request.prefix)
    if request.start in {None, "store"}:
        return FromStore()
    async with TopicReader(kafka_connection(settings), topics.UPLOADED) as topic:
        begin, end = await Start.parse(str(request.start)).places(topic), await topic.ends()
    return FromUploads(begin=begin, end=end, accepts_gone=request.accept_gone)


def _prefix(settings: Settings, given: str) -> FromPrefix:
    bucket, _, prefix = given.removeprefix(object_address.SCHEME).partition("/")
    if not object_address.is_object(given) or not bucket:
        raise ConfigurationError(f"--prefix {given}: not a bucket and a prefix, as in s3://photos/r1/")
    if bucket not in settings.s3.buckets:
        raise ConfigurationError(
            f"--prefix {given}: the bucket is none of TAGSTREAM_S3__BUCKETS: workers read nothing of it"
        )
    return FromPrefix(bucket=bucket, prefix=prefix)


def _job(request: RescoreRequest, version: str, source: RescoreSource) -> RescoreJob:
    now = datetime.now(UTC)
    return RescoreJob(
        id=f"replay-{now:%Y%m%dT%H%M%SZ}",
        created_at=now,
        updated_at=now,
        created_by=current_user(),
        reason=request.reason,
        mode=request.mode,
        model_version=version,
        source=source,
        filters=request.filters,
        rate=request.rate,
    )


async def _planned(
    world: RescoreWorld, job: RescoreJob, source: ImageSource, *, is_whole: bool
) -> RescorePlan:
    most = None if is_whole else rescore_plan.LOOKED_AT
    made = await rescore_plan.plan(
        source, RescoreSelection.of(job), world.scores, limits=world.settings.clock, most=most
    )
    of_jobs = rescore_plan.measured_speed(await world.scores.jobs(), version=job.model_version)
    made.speed = of_jobs or made.speed
    if isinstance(source, UploadsSource):
        made.read, made.unreadable = source.read, source.unreadable
    return made
