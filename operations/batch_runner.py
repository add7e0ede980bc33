"""Runner of batch jobs: a consumer of chunks, one at a time, in each server, until the server ends.

It takes turns between the jobs. A chunk is leased, its rows are scored, its part is put, and only then are
its rows counted: killed at any moment, it repeats at most the chunk that it had. What it finds away it waits
for; what is wrong with a job ends that job, and no other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol, TypeVar

import structlog

from operations import batch_chunks, batch_jobs, batch_parts, batch_results, batch_rows
from operations.batch_chunks import ChunkOutcome, ChunkTaken, CutRows
from operations.batch_jobs import UnknownBatch
from operations.batch_parts import ForeignPart
from operations.batch_rows import ROWS_OF_A_CHUNK, TooManyRows, UnreadableList
from operations.batch_scoring import BatchTagger, ChunkScoring, RowScorer
from operations.lease_renewal import while_renewed
from schemas import leases
from schemas.batch_jobs import BatchChunk, BatchJob, BatchState
from schemas.errors import Changed, ConfigurationError, Gone, NotAllowed
from schemas.tags import ModelRef
from schemas.uploads import Location
from streams.clock import Clock, SystemClock
from streams.ports import BatchJobs, ObjectFiles
from streams.resilience.retry import Dependencies

log = structlog.get_logger(__name__)

LOOK_SECONDS: Final = 1.0
"""Between two looks at the store where there is nothing to do, at least."""

LOOK_TIMES: Final = 20
"""Times what a look took lie between two: it reads every job that there ever was, and must cost next to
nothing however many that are."""

PIECE: Final = 256 * 2**10
"""Bytes of the list that are read first for the next chunk; doubled until they have all of its rows."""

STOP_SECONDS: Final = 5.0
"""For which a server that ends tries to give its chunk back; later it is missed by its lease."""

INPUT_CHANGED: Final = "input-changed"
INPUT_UNREADABLE: Final = "input-unreadable"
OUTPUT_TAKEN: Final = "output-taken"
OFF_LIMITS: Final = "bucket-not-allowed"
MODEL_CHANGED: Final = "model-changed"
TOO_MANY_ROWS: Final = "too-many-rows"

T = TypeVar("T")


class BatchVersions(Protocol):
    """The versions that a process has, and what brings others."""

    def is_resident(self, version: str) -> bool:
        """Whether it is here; where it is not, asking brings it."""

    def missing(self) -> dict[str, str]:
        """Versions that are asked for and cannot be had, and why."""

    def pinned(self, version: str) -> AbstractContextManager[BatchTagger | None]:
        """The tagger of that version, behind all others, within the block; None where it is not resident."""


class _OtherModel(Exception):
    """The version of that name is not the one that the job began with."""


class _LeftAlone(Exception):
    """The version has left; the chunk is for later, or for others."""


@dataclass(frozen=True, slots=True)
class BatchWorld:
    """What jobs are run over."""

    jobs: BatchJobs
    files: ObjectFiles
    versions: BatchVersions
    rows: RowScorer
    dependencies: Dependencies
    count: Callable[[ChunkOutcome, int], None] = lambda _outcome, _rows: None
    """Told of each chunk that was counted, and how many rows it had."""


class BatchRunner:
    """One server's; `runner` is this life of its process."""

    def __init__(self, world: BatchWorld, runner: str, *, clock: Clock | None = None) -> None:
        self._world = world
        self._runner = runner
        self._clock = clock or SystemClock()
        self._last = ""
        self._scoring: ChunkScoring | None = None
        """Of the chunk that it has in hand."""

    async def run(self) -> None:
        """For ever. Raises `Broken`."""
        while True:
            began = self._clock.time()
            if not await self.step():
                await self._clock.sleep(max(LOOK_SECONDS, LOOK_TIMES * (self._clock.time() - began)))

    async def step(self) -> bool:
        """Do the next thing, a chunk at most; False where there was nothing to do."""
        for job in await self._running():
            self._last = job.id
            if await self._contained(job):
                return True
        return False

    async def _running(self) -> list[BatchJob]:
        """Jobs that want work, those behind the last one first."""
        found = await self._outlast(self._world.jobs.batches)
        running = [each for each in found if isinstance(each, BatchJob) and each.state is BatchState.RUNNING]
        return sorted(running, key=lambda each: (each.id <= self._last, each.id))

    async def _contained(self, job: BatchJob) -> bool:
        """Whether there was something to do; what is wrong with the job is written into it."""
        try:
            return await self._advanced(job)
        except (ChunkTaken, UnknownBatch) as error:
            log.info("batch.left", batch=job.id, why=str(error))
        except ConfigurationError as error:
            log.warning("batch.spoiled", batch=job.id, why=str(error))
            return False
        except (Changed, Gone) as error:
            await self._fail(job, INPUT_CHANGED, f"{error}: put back what it was, and resume")
        except NotAllowed as error:
            await self._fail(job, OFF_LIMITS, str(error))
        except TooManyRows as error:
            await self._fail(job, TOO_MANY_ROWS, str(error))
        except UnreadableList as error:
            await self._fail(job, INPUT_UNREADABLE, str(error))
        except ForeignPart as error:
            await self._fail(job, OUTPUT_TAKEN, str(error))
        except _OtherModel as error:
            await self._fail(job, MODEL_CHANGED, str(error))
        return True

    async def _advanced(self, job: BatchJob) -> bool:
        if job.is_scored:
            return await self._finish(job)
        if not self._world.versions.is_resident(job.version):
            await self._wait_for_version(job)
            return False
        taken = await self._swap(job, lambda each: batch_chunks.taken(each, self._runner, _now()))
        chunk = self._own(taken)
        if chunk is None and not taken.cursor.is_at_end:
            taken = await self._cut(taken)
            chunk = self._own(taken)
        if chunk is None:
            return taken.revision != job.revision
        await self._work(taken, chunk)
        return True

    async def _cut(self, job: BatchJob) -> BatchJob:
        """The job with the next chunk for this server; as it is where another was faster."""
        found = await self._next_rows(job)
        return await self._swap(job, lambda each: batch_chunks.cut(each, found, self._runner, _now()))

    async def _next_rows(self, job: BatchJob) -> CutRows:
        begin, size = job.cursor.byte, PIECE
        while True:
            end = min(begin + size, job.input.size)
            data = await self._read(job, begin, end)
            found = batch_rows.cut(
                data,
                job.input.format,
                most=ROWS_OF_A_CHUNK,
                is_last=end == job.input.size,
                first_row=job.cursor.rows + 1,
            )
            is_at_end = begin + found.length == job.input.size
            if found.rows == ROWS_OF_A_CHUNK or end == job.input.size:
                return CutRows(begin, found.length, found.rows, is_at_end=is_at_end)
            size *= 2

    async def _work(self, job: BatchJob, chunk: BatchChunk) -> None:
        """Score the chunk and count it; whoever is stopped gives it back."""
        number, self._scoring = chunk.number, None
        try:
            outcome = await while_renewed(self._kept(job, chunk), self._renew(job, number))
        except _LeftAlone:
            await self._give_back(job, number)
            return
        except ChunkTaken:  # also where the job was stopped, and may be resumed at once
            await self._give_back(job, number)
            raise
        except asyncio.CancelledError:
            with suppress(TimeoutError):
                async with asyncio.timeout(STOP_SECONDS):
                    await self._give_back(job, number)
            raise
        done = await self._swap(job, lambda each: batch_chunks.counted(each, number, self._runner, outcome))
        self._world.count(outcome, chunk.rows)
        log.info("batch.chunk", batch=job.id, chunk=number, rows=chunk.rows, failed=outcome.failed)
        if done.state is BatchState.FAILED:
            log.warning("batch.failed", batch=job.id, code=done.code, why=done.why)

    async def _kept(self, job: BatchJob, chunk: BatchChunk) -> ChunkOutcome:
        """What is in the chunk's part, which is there then."""
        files = self._world.files
        found = await self._outlast(lambda: batch_parts.find(files, job, chunk.number))
        if found is not None:  # of a server that was killed before it had counted
            return found.outcome
        data = await self._read(job, chunk.begin, chunk.end)
        scoring = ChunkScoring(batch_rows.parse(data, job.input, first_row=chunk.first_row))
        self._scoring = scoring
        with self._world.versions.pinned(job.version) as tagger:
            if tagger is None:
                raise _LeftAlone
            pinned = await self._pin(job, tagger)
            results = await self._world.rows.scored(scoring, tagger)
        part = await asyncio.to_thread(batch_results.part, results, pinned)
        outcome = ChunkOutcome(*batch_results.counts_of(results))
        return await self._outlast(lambda: batch_parts.keep(files, pinned, chunk, part, outcome))

    async def _pin(self, job: BatchJob, tagger: BatchTagger) -> BatchJob:
        """The job with the model that it began with, which has to be this one."""

        def pinned(each: BatchJob) -> BatchJob:
            if each.model is None:
                return each.model_copy(update={"model": tagger.model, "labels": tagger.labels})
            _refuse_other(each.model, tagger.model)
            return each

        return await self._swap(job, pinned)

    async def _finish(self, job: BatchJob) -> bool:
        files, now = self._world.files, _now()
        await self._outlast(lambda: batch_parts.keep_manifest(files, job, now=now))
        done = await self._swap(job, lambda each: batch_chunks.finished(each, now))
        log.info("batch.finished", batch=job.id, rows=done.counts.rows, failed=done.counts.failed)
        return True

    async def _read(self, job: BatchJob, begin: int, end: int) -> bytes:
        """Exactly these bytes of the list as it stood; raises `Changed`, `Gone`."""
        source = Location(bucket=job.input.bucket, key=job.input.key, etag=job.input.etag)
        data = await self._outlast(lambda: self._world.files.read(source, begin=begin, end=end))
        if len(data) != end - begin:
            raise Changed(f"{job.input} has not the bytes that it had")
        return data

    async def _renew(self, job: BatchJob, number: int) -> None:
        while True:
            await self._clock.sleep(leases.SECONDS / 3)
            why, seen = self._away(), self._scoring.seen if self._scoring else 0

            def renewed(each: BatchJob, why: str = why, seen: int = seen) -> BatchJob:
                longer = batch_chunks.renewed(each, number, self._runner, _now(), seen=seen)
                return batch_chunks.waiting(longer, why)

            await self._swap(job, renewed)

    def _away(self) -> str:
        """What is waited for, in a sentence; empty where all answers."""
        away = sorted(name for name, each in self._world.dependencies.states().items() if each.is_away)
        return f"{' and '.join(away)} away: it waits" if away else ""

    async def _wait_for_version(self, job: BatchJob) -> None:
        """Say so once; whoever has the version goes on."""
        version = job.version
        why = self._world.versions.missing().get(version)
        told = f"version {version} is loaded" if why is None else f"version {version} cannot be had: {why}"
        if not job.open:
            await self._swap(job, lambda each: batch_chunks.waiting(each, told))

    async def _give_back(self, job: BatchJob, number: int) -> None:
        await self._swap(job, lambda each: batch_chunks.given_back(each, number, self._runner))

    async def _fail(self, job: BatchJob, code: str, why: str) -> None:
        log.warning("batch.failed", batch=job.id, code=code, why=why)
        await self._swap(job, lambda each: batch_chunks.failed(each, code, why))

    def _own(self, job: BatchJob) -> BatchChunk | None:
        leased = (each for each in job.open if each.lease is not None and each.lease.runner == self._runner)
        return next(leased, None) if job.state is BatchState.RUNNING else None

    async def _swap(self, job: BatchJob, change: batch_jobs.BatchChange) -> BatchJob:
        return await self._outlast(lambda: batch_jobs.swap(self._world.jobs, job.id, change))

    async def _outlast(self, call: Callable[[], Awaitable[T]]) -> T:
        return await self._world.dependencies.retry_until_available(call)


def _refuse_other(began: ModelRef, here: ModelRef) -> None:
    if began != here:
        raise _OtherModel(
            f"it began with {began.name}/{began.version} of sha256:{began.digest[:12]}, and what this server"
            f" has under that name is sha256:{here.digest[:12]}: serve that one, and resume"
        )


def _now() -> datetime:
    return datetime.now(UTC)
