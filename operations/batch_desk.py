"""Desk of batch jobs for the command line: over the settings' store and storage, without a server."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agents.wiring.backends import s3_settings
from agents.wiring.model_source import resolve_model
from agents.wiring.settings import Settings, blame
from model import checkpoint
from model.registry import refs
from operations import batch_errors, batch_jobs, batch_start, object_address, store
from operations.batch_errors import ErrorsPlace
from operations.batch_jobs import AnyBatch
from operations.batch_results import RowError
from operations.batch_rows import UnreadableList
from operations.batch_start import (
    HEAD_BYTES,
    BatchRequest,
    OtherRequest,
    OutputTaken,
    StartedBatch,
    UnknownFormat,
)
from operations.current_user import current_user
from schemas.batch_jobs import LIST, MAX_FAILED, BatchFormat, BatchJob, BatchState
from schemas.errors import ConfigurationError, Gone, NotAllowed
from schemas.uploads import Location
from streams.adapters.s3.files import S3Files
from streams.ports import BatchJobs, ObjectFiles
from streams.resilience.retry import Backoff, Dependencies

_SHA256: Final = "tagstream-sha256"
LARGEST_LIST: Final = 2**28
"""Bytes of a list that is put from here, in one piece."""


LOOK_SECONDS: Final = 0.5
ERRORS_TOGETHER: Final = 500


@dataclass(frozen=True, slots=True)
class SubmitOptions:
    """What was asked for on the command line."""

    source: str
    """`s3://bucket/key`, or a file of this machine."""
    results: str
    """`s3://bucket/prefix/`."""
    model: str | None = None
    format: BatchFormat | None = None
    results_format: BatchFormat | None = None
    column: str = batch_start.FALLBACK_COLUMN
    base: str | None = None
    escapes_formulas: bool = True
    max_failed: float = MAX_FAILED
    idempotency_key: str | None = None


@dataclass(frozen=True, slots=True)
class BatchDesk:
    """What a command works with, open."""

    jobs: BatchJobs
    files: ObjectFiles


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[BatchDesk]:
    """Store and storage; raises `ConfigurationError`, `Unavailable`."""
    async with AsyncExitStack() as stack:
        jobs = await stack.enter_async_context(store.open_store(settings.store))
        with blame("TAGSTREAM_S3__ENDPOINT_URL"):
            files = await stack.enter_async_context(S3Files(s3_settings(settings)))
        yield BatchDesk(jobs, files)


async def submit(settings: Settings, options: SubmitOptions) -> StartedBatch:
    """Keep a job; a list of this machine is put beside its results first.

    Raises `ConfigurationError` for what is wrong with it, `Unavailable`.
    """
    with _blamed(options):
        request = await _request(settings, options)
        async with opened(settings) as desk:
            if not object_address.is_object(options.source):
                await _put(desk.files, request, Path(options.source))
            return await batch_start.start(
                desk.jobs, desk.files, request, idempotency_key=options.idempotency_key
            )


@contextmanager
def _blamed(options: SubmitOptions) -> Iterator[None]:
    """Whoever asked is to mend what is refused within."""
    try:
        yield
    except UnreadableList as error:
        raise ConfigurationError(f"{options.source}: {error}") from error
    except NotAllowed as error:
        raise ConfigurationError(f"TAGSTREAM_S3__BUCKETS: {error}") from error
    except (Gone, UnknownFormat, OutputTaken, OtherRequest) as error:
        raise ConfigurationError(str(error)) from error


async def _request(settings: Settings, options: SubmitOptions) -> BatchRequest:
    return BatchRequest(
        source=_source(options),
        results=object_address.parse(options.results, example="s3://photos/jobs/nov/"),
        version=await _version(settings, options.model),
        created_by=current_user(),
        format=options.format,
        results_format=options.results_format,
        column=options.column,
        base=options.base,
        escapes_formulas=options.escapes_formulas,
        max_failed=options.max_failed,
    )


async def standing(settings: Settings, batch_id: str | None) -> BatchJob:
    """The job, or the newest; raises `ConfigurationError` where there is none."""
    async with store.open_store(settings.store) as jobs:
        return await _found(jobs, batch_id)


async def every(settings: Settings) -> tuple[AnyBatch, ...]:
    """All of them, the newest first."""
    async with store.open_store(settings.store) as jobs:
        return await batch_jobs.listed(jobs)


async def steered(settings: Settings, steer: Callable[[BatchJobs], Awaitable[BatchJob]]) -> BatchJob:
    """The job as a person has steered it; raises `ConfigurationError`."""
    async with store.open_store(settings.store) as jobs:
        return await steer(jobs)


async def followed(settings: Settings, batch_id: str, watch: Callable[[BatchJob], None]) -> BatchJob:
    """The job when it runs no more; `watch` is told of it until then. Raises `ConfigurationError`."""
    outlast = Dependencies(Backoff()).retry_until_available
    async with store.open_store(settings.store) as jobs:
        while True:
            job = await outlast(lambda: batch_jobs.known(jobs, batch_id))
            watch(job)
            if job.state is not BatchState.RUNNING:
                return job
            await asyncio.sleep(LOOK_SECONDS)


async def each_error(settings: Settings, batch_id: str | None, tell: Callable[[RowError], None]) -> None:
    """Tell of every row with an error, in the order of the list. Raises as `opened` does."""
    async with opened(settings) as desk:
        job = await _found(desk.jobs, batch_id)
        place: ErrorsPlace | None = ErrorsPlace()
        while place is not None:
            page = await batch_errors.page(desk.files, job, after=place, limit=ERRORS_TOGETHER)
            for row in page.rows:
                tell(row)
            place = page.behind


async def _found(jobs: BatchJobs, batch_id: str | None) -> BatchJob:
    if batch_id is not None:
        return await batch_jobs.known(jobs, batch_id)
    whole = [each for each in await batch_jobs.listed(jobs) if isinstance(each, BatchJob)]
    if not whole:
        raise ConfigurationError("there is no batch job yet: `tagstream batch submit` makes one")
    return whole[0]


async def _version(settings: Settings, spoken: str | None) -> str:
    """The one that is meant, as an alias stands now; without one, the version of the settings."""
    if spoken is None:
        return checkpoint.read_manifest((await resolve_model(settings)).folder).version
    from agents.wiring import registry as ours  # noqa: PLC0415 - the network's libraries: not where none is asked

    return (await ours.resolve(settings, refs.parse(spoken))).version


def _source(options: SubmitOptions) -> Location:
    """Of the list; of one of this machine, where it shall be."""
    if object_address.is_object(options.source):
        return object_address.parse(options.source, example="s3://photos/jobs/nov.csv")
    results = object_address.parse(options.results, example="s3://photos/jobs/nov/")
    how = options.format or batch_start.format_of(options.source)
    return Location(bucket=results.bucket, key=f"{batch_start.prefix_of(results.key)}{LIST}.{how}")


async def _put(files: ObjectFiles, request: BatchRequest, path: Path) -> None:
    """Put the list where the request says, unless these very bytes are there: the command is repeated.

    One that no job could be made of is not put: it would stand in the way of the mended one.
    """
    data = await asyncio.to_thread(_read, path)
    batch_start.head_of(data[:HEAD_BYTES], request)
    digest = hashlib.sha256(data).hexdigest()
    standing = await files.facts(request.source)
    if standing is None:
        await batch_start.refuse_places(files, request)
        if await files.put_new(request.source, data, metadata={_SHA256: digest}):
            return
        standing = await files.facts(request.source)
    if standing is None or standing.metadata.get(_SHA256) != digest:
        raise OutputTaken(f"{request.source} is another list: name another prefix for the results")


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > LARGEST_LIST:
            raise ConfigurationError(
                f"{path}: a list of more than {LARGEST_LIST} bytes: put it into a bucket yourself, and"
                " name it as s3://BUCKET/KEY"
            )
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"{path}: it cannot be read: {error.strerror}; a list in storage is named as s3://BUCKET/KEY"
        ) from error
