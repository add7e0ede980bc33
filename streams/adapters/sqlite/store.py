"""SQLite score store, in one file: nothing to install, safe to write from several workers at once.

All statements run on threads of the store's own, so that the loop never waits on the disk. What
queues up while a transaction commits shares the next one (group commit): one fsync for many images.
Reads have a connection and a thread of their own, so that they wait for no writer.

`synchronous=FULL`: in WAL mode NORMAL may lose the last commits when the machine loses power, after
their events were acknowledged to Kafka, and an acknowledged event is a promise. Group commit pays
for the difference.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final, Self, TypeVar

from schemas.api_keys import ApiKey, SpoiledKey, key_in
from schemas.batch_jobs import BatchJob, SpoiledBatch, batch_in
from schemas.errors import Broken, ConfigurationError, Unavailable
from schemas.records import ImageHead, Kept, ScoreRecord, Stale
from schemas.rescore_jobs import RescoreJob, RescoreState, SpoiledJob
from schemas.rollouts import ModelRollout, SpoiledRollout, rollout_in
from schemas.statements import StatementOfReasons
from schemas.worker_states import WorkerState
from streams.adapters.group_commit import GroupCommit
from streams.adapters.sqlite import job_rows, rows, worker_rows
from streams.adapters.sqlite.revised_rows import RevisedRows
from streams.ports import STORE, Change, Purged

BUSY_SECONDS: Final = 10.0
"""How long one transaction waits for another process's; beyond it the store is `Unavailable`."""

MOST_TOGETHER: Final = 256
"""Calls that share one transaction at most, so that another process waits no longer than for these."""

_MAY_PASS: Final = frozenset(
    {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}
)
"""What may pass by itself when a file cannot be opened; anything else is a wrong path."""

_PRIMARY_CODE: Final = 0xFF
"""SQLite's extended result codes carry the primary one in their low byte."""

MEND: Final = (
    "see whether TAGSTREAM_STORE__PATH names the right file; then stop its workers, restore it from a backup,"
    " or move it away with its -wal and -shm: the next start makes an empty one, which"
    " `tagstream replay start --from earliest` fills; what people decided is in their topic"
)
"""What to do about a damaged file: waiting mends nothing."""

_DAMAGE: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
"""What no wait mends: pages that contradict each other, and a file that is something else."""

_ROLLOUTS: Final = RevisedRows[ModelRollout, SpoiledRollout]("rollouts", ModelRollout, rollout_in)
_KEYS: Final = RevisedRows[ApiKey, SpoiledKey]("api_keys", ApiKey, key_in)
_BATCHES: Final = RevisedRows[BatchJob, SpoiledBatch]("batch_jobs", BatchJob, batch_in)

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], Any]


class SqliteScores:
    """The score store in the file `path`, which is created when its folder exists."""

    def __init__(self, path: Path, *, busy_seconds: float = BUSY_SECONDS) -> None:
        self._reads = _Lane(path, writes=False, busy_seconds=busy_seconds)
        self._writes = _Lane(path, writes=True, busy_seconds=busy_seconds)
        self._lanes = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as opened:
            for lane in (self._writes, self._reads):
                await opened.enter_async_context(lane)
            self._lanes = opened.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._lanes.aclose()

    async def head(self, image_id: str) -> ImageHead | None:
        """What holds of the image now, or None before its first score."""
        return await self._reads.do(lambda connection: rows.head(connection, image_id))

    async def heads(self, image_ids: Collection[str]) -> Mapping[str, ImageHead]:
        """The heads of those of `image_ids` that are known."""
        asked = frozenset(image_ids)
        return await self._reads.do(lambda connection: rows.heads(connection, asked))

    async def apply(self, image_id: str, change: Change, record: ScoreRecord | None = None) -> Kept | Stale:
        """See `ScoreStore.apply`. `change` runs once, on the store's thread, under the write lock."""
        return await self._writes.do(lambda connection: rows.apply(connection, image_id, change, record))

    async def purge(self, image_id: str) -> Purged:
        """See `ScoreStore.purge`."""
        return await self._writes.do(lambda connection: rows.purge(connection, image_id))

    async def of_uploader(
        self, uploader_id: str, *, after: str = "", limit: int = 500
    ) -> tuple[ImageHead, ...]:
        """See `ScoreStore.of_uploader`."""
        return await self._reads.do(
            lambda connection: rows.of_uploader(connection, uploader_id, after=after, limit=limit)
        )

    async def of_restaurant(
        self, restaurant_id: str, *, topic: str | None = None, after: str = "", limit: int = 500
    ) -> tuple[ImageHead, ...]:
        """See `ScoreStore.of_restaurant`."""
        place = rows.RestaurantPage(restaurant_id, topic, after, limit)
        return await self._reads.do(lambda connection: rows.of_restaurant(connection, place))

    async def unfinished_erasures(self, *, limit: int = 500) -> tuple[ImageHead, ...]:
        """See `ScoreStore.unfinished_erasures`."""
        return await self._reads.do(lambda connection: rows.unfinished_erasures(connection, limit=limit))

    async def scan(self, *, after: str = "", limit: int = 500) -> tuple[ImageHead, ...]:
        """The next heads in the order of their image ids, behind `after`; fewer than `limit` at the end."""
        return await self._reads.do(lambda connection: rows.scan(connection, after=after, limit=limit))

    async def records(self, image_id: str) -> tuple[ScoreRecord, ...]:
        """The image's history, by content version and model version."""
        return await self._reads.do(lambda connection: rows.records(connection, image_id))

    async def keep_statements(self, statements: Sequence[StatementOfReasons]) -> None:
        """See `ScoreStore.keep_statements`."""
        await self._writes.do(lambda connection: rows.keep_statements(connection, statements))

    async def statements(
        self, *, after: str = "", before: str | None = None, limit: int = 500
    ) -> tuple[StatementOfReasons, ...]:
        """See `ScoreStore.statements`."""
        return await self._reads.do(
            lambda connection: rows.statements(connection, after=after, before=before, limit=limit)
        )

    async def statements_of(self, image_id: str) -> tuple[StatementOfReasons, ...]:
        """See `ScoreStore.statements_of`."""
        return await self._reads.do(lambda connection: rows.statements_of(connection, image_id))

    async def create_job(self, job: RescoreJob) -> bool:
        """See `RescoreJobs.create_job`."""
        return await self._writes.do(lambda connection: job_rows.JOBS.create(connection, job))

    async def replace_job(self, job: RescoreJob, *, over: int) -> bool:
        """See `RescoreJobs.replace_job`."""
        return await self._writes.do(lambda connection: job_rows.JOBS.replace(connection, job, over=over))

    async def job(self, job_id: str) -> RescoreJob | None:
        """See `RescoreJobs.job`."""
        found = await self._reads.do(lambda connection: job_rows.JOBS.find(connection, job_id))
        if isinstance(found, SpoiledJob):
            raise found.error
        return found

    async def jobs(self) -> tuple[RescoreJob | SpoiledJob, ...]:
        """See `RescoreJobs.jobs`."""
        return await self._reads.do(job_rows.JOBS.every)

    async def job_states(self, job_ids: Collection[str]) -> Mapping[str, RescoreState]:
        """See `RescoreJobs.job_states`."""
        asked = frozenset(job_ids)
        return await self._reads.do(lambda connection: job_rows.states(connection, asked))

    async def create_rollout(self, rollout: ModelRollout) -> bool:
        """See `Rollouts.create_rollout`."""
        return await self._writes.do(lambda connection: _ROLLOUTS.create(connection, rollout))

    async def replace_rollout(self, rollout: ModelRollout, *, over: int) -> bool:
        """See `Rollouts.replace_rollout`."""
        return await self._writes.do(lambda connection: _ROLLOUTS.replace(connection, rollout, over=over))

    async def rollout(self, rollout_id: str) -> ModelRollout | None:
        """See `Rollouts.rollout`."""
        found = await self._reads.do(lambda connection: _ROLLOUTS.find(connection, rollout_id))
        if isinstance(found, SpoiledRollout):
            raise found.error
        return found

    async def rollouts(self) -> tuple[ModelRollout | SpoiledRollout, ...]:
        """See `Rollouts.rollouts`."""
        return await self._reads.do(_ROLLOUTS.every)

    async def create_key(self, key: ApiKey) -> bool:
        """See `ApiKeys.create_key`."""
        return await self._writes.do(lambda connection: _KEYS.create(connection, key))

    async def replace_key(self, key: ApiKey, *, over: int) -> bool:
        """See `ApiKeys.replace_key`."""
        return await self._writes.do(lambda connection: _KEYS.replace(connection, key, over=over))

    async def key(self, key_id: str) -> ApiKey | None:
        """See `ApiKeys.key`."""
        found = await self._reads.do(lambda connection: _KEYS.find(connection, key_id))
        if isinstance(found, SpoiledKey):
            raise found.error
        return found

    async def keys(self) -> tuple[ApiKey | SpoiledKey, ...]:
        """See `ApiKeys.keys`."""
        return await self._reads.do(_KEYS.every)

    async def create_batch(self, job: BatchJob) -> bool:
        """See `BatchJobs.create_batch`."""
        return await self._writes.do(lambda connection: _BATCHES.create(connection, job))

    async def replace_batch(self, job: BatchJob, *, over: int) -> bool:
        """See `BatchJobs.replace_batch`."""
        return await self._writes.do(lambda connection: _BATCHES.replace(connection, job, over=over))

    async def batch(self, batch_id: str) -> BatchJob | None:
        """See `BatchJobs.batch`."""
        found = await self._reads.do(lambda connection: _BATCHES.find(connection, batch_id))
        if isinstance(found, SpoiledBatch):
            raise found.error
        return found

    async def batches(self) -> tuple[BatchJob | SpoiledBatch, ...]:
        """See `BatchJobs.batches`."""
        return await self._reads.do(_BATCHES.every)

    async def note_worker(self, state: WorkerState) -> None:
        """See `WorkerStates.note_worker`."""
        await self._writes.do(lambda connection: worker_rows.note(connection, state))

    async def forget_worker(self, worker_id: str) -> None:
        """See `WorkerStates.forget_worker`."""
        await self._writes.do(lambda connection: worker_rows.forget(connection, worker_id))

    async def workers(self) -> tuple[WorkerState, ...]:
        """See `WorkerStates.workers`."""
        return await self._reads.do(worker_rows.every)

    async def ping(self) -> None:
        """Return when the file can be read; raise `Unavailable` when it cannot."""
        await self._reads.do(lambda connection: rows.head(connection, ""))


class _Lane:
    """One connection and its thread; transactions that all write, or none does."""

    def __init__(self, path: Path, *, writes: bool, busy_seconds: float) -> None:
        self._path = path
        self._busy_seconds = busy_seconds
        self._are_writes = writes
        self._thread: ThreadPoolExecutor | None = None
        self._connection: sqlite3.Connection | None = None
        self._rounds: GroupCommit[Work, Any] = GroupCommit(self._together, most=MOST_TOGETHER)

    async def __aenter__(self) -> Self:
        thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite")
        try:
            self._connection = await asyncio.get_running_loop().run_in_executor(thread, self._open)
        except BaseException:
            thread.shutdown(wait=False)
            raise
        self._thread = thread
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._rounds.drain()
        connection, self._connection = self._connection, None
        if connection and self._thread:
            await asyncio.get_running_loop().run_in_executor(self._thread, connection.close)
            self._thread.shutdown()

    async def do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What `work` answers, once the transaction that it shared with its neighbours has ended."""
        if self._connection is None:
            raise RuntimeError("the store is not open")
        answer: T = await self._rounds.join(work)
        return answer

    def _open(self) -> sqlite3.Connection:
        try:
            return rows.connect(self._path, busy_seconds=self._busy_seconds)
        except sqlite3.Error as error:
            if _is_damage(error):
                raise ConfigurationError(self._damage(error)) from error
            if error.sqlite_errorcode & _PRIMARY_CODE in _MAY_PASS:
                raise self._unavailable(error) from error
            raise ConfigurationError(f"cannot keep scores in {self._path}: {error}") from error

    async def _together(self, calls: Sequence[Work]) -> Sequence[Any]:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._transact, calls)

    def _transact(self, calls: Sequence[Work]) -> list[Any]:
        """Each call's answer or exception, in order, all of one durable transaction. Runs on the thread."""
        connection = self._connection
        if connection is None:
            raise RuntimeError("the store is not open")
        try:
            with rows.transaction(connection, writes=self._are_writes):
                return [call(connection) for call in calls]
        except sqlite3.DatabaseError as error:
            if _is_damage(error):
                return [self._damaged(error) for _ in calls]
            if isinstance(error, sqlite3.OperationalError):
                return [self._unavailable(error) for _ in calls]
            return self._transact_alone(calls, error)
        except Exception as error:  # noqa: BLE001 - it is one call's, which is found by running each alone
            return self._transact_alone(calls, error)

    def _transact_alone(self, calls: Sequence[Work], error: Exception) -> list[Any]:
        """Each call in a transaction of its own, so that a bad one fails alone."""
        if len(calls) == 1:
            return [self._unavailable(error) if isinstance(error, sqlite3.Error) else error]
        return [self._transact([call])[0] for call in calls]

    def _damaged(self, error: sqlite3.Error) -> Broken:
        broken = Broken(self._damage(error))
        broken.__cause__ = error
        return broken

    def _damage(self, error: sqlite3.Error) -> str:
        return f"{self._path}: the database is damaged ({error}); {MEND}"

    def _unavailable(self, error: sqlite3.Error) -> Unavailable:
        unavailable = Unavailable(STORE, f"{self._path}: {error}")
        unavailable.__cause__ = error
        return unavailable


def _is_damage(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE in _DAMAGE
