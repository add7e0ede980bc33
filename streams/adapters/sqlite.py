"""Heads and scores in one SQLite file: nothing to install, safe to write from several workers at once.

All statements run on one thread of the store's own, so that the loop never waits on the disk. What
queues up while a transaction commits shares the next one (group commit): one fsync for many images.

`synchronous=FULL`: in WAL mode NORMAL may lose the last commits when the machine loses power, after
their events were acknowledged to Kafka, and an acknowledged event is a promise. Group commit pays
for the difference.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from schemas.errors import ConfigurationError, Unavailable
from schemas.records import Announced, ImageHead, Kept, ScoreRecord, Stale
from streams.adapters import sqlite_rows as rows

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

Work = Callable[[sqlite3.Connection], Any]
Answer = asyncio.Future[Any]


@dataclass(frozen=True, slots=True)
class _Call:
    """One method call that waits for its transaction."""

    work: Work
    answer: Answer
    writes: bool


class SqliteScores:
    """The score store in the file `path`, which is created when its folder exists."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread: ThreadPoolExecutor | None = None
        self._queued: list[_Call] = []
        self._running: asyncio.Future[list[Any]] | None = None
        self._connection: sqlite3.Connection | None = None

    async def __aenter__(self) -> Self:
        thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite")
        try:
            self._connection = await asyncio.get_running_loop().run_in_executor(thread, self._open)
        except BaseException:
            thread.shutdown(wait=False)
            raise
        self._thread = thread
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self._running:
            await asyncio.wait([self._running])
        connection, self._connection = self._connection, None
        if connection and self._thread:
            await asyncio.get_running_loop().run_in_executor(self._thread, connection.close)
            self._thread.shutdown()

    async def head(self, image_id: str) -> ImageHead | None:
        """What holds of the image now, or None before its first score."""
        found: ImageHead | None = await self._read(lambda connection: rows.head(connection, image_id))
        return found

    async def keep(self, head: ImageHead, record: ScoreRecord) -> Kept | Stale:
        """See `ScoreStore.keep`. The record joins the history also when the head is stale."""
        outcome: Kept | Stale = await self._write(lambda connection: rows.keep(connection, head, record))
        return outcome

    async def mark(self, image_id: str, announced: Announced) -> None:
        """See `ScoreStore.mark`. An image that was never kept is left unknown."""
        await self._write(lambda connection: rows.mark(connection, image_id, announced))

    async def heads(self) -> tuple[ImageHead, ...]:
        """Every image's head, by image_id: for people and comparisons, it reads the whole file."""
        every: tuple[ImageHead, ...] = await self._read(rows.heads)
        return every

    async def records(self, image_id: str) -> tuple[ScoreRecord, ...]:
        """The image's history, by content version and model version."""
        history: tuple[ScoreRecord, ...] = await self._read(
            lambda connection: rows.records(connection, image_id)
        )
        return history

    async def ping(self) -> None:
        """Return when the file can be read; raise `Unavailable` when it cannot."""
        await self._read(lambda connection: rows.head(connection, ""))

    def _open(self) -> sqlite3.Connection:
        try:
            return rows.connect(self._path, busy_seconds=BUSY_SECONDS)
        except sqlite3.Error as error:
            if error.sqlite_errorcode & _PRIMARY_CODE in _MAY_PASS:
                raise self._unavailable(error) from error
            raise ConfigurationError(f"cannot keep scores in {self._path}: {error}") from error

    async def _read(self, work: Work) -> Any:  # noqa: ANN401 - whatever `work` answers
        return await self._do(work, writes=False)

    async def _write(self, work: Work) -> Any:  # noqa: ANN401 - whatever `work` answers
        return await self._do(work, writes=True)

    async def _do(self, work: Work, *, writes: bool) -> Any:  # noqa: ANN401 - whatever `work` answers
        """What `work` answers, once the transaction that it shared with its neighbours is durable."""
        if self._connection is None:
            raise RuntimeError("the store is not open")
        call = _Call(work, asyncio.get_running_loop().create_future(), writes)
        self._queued.append(call)
        if self._running is None:
            self._commit_next()
        return await call.answer

    def _commit_next(self) -> None:
        """Hand the next queued calls to the thread; when they are committed, the next ones."""
        together, self._queued = self._queued[:MOST_TOGETHER], self._queued[MOST_TOGETHER:]
        loop = asyncio.get_running_loop()
        self._running = loop.run_in_executor(self._thread, self._transact, together)
        self._running.add_done_callback(lambda done: self._committed(together, done))

    def _committed(self, together: list[_Call], done: asyncio.Future[list[Any]]) -> None:
        self._running = None
        if self._queued:
            self._commit_next()
        error = done.exception()
        outcomes = [error] * len(together) if error else done.result()
        for call, outcome in zip(together, outcomes, strict=True):
            _answer(call.answer, outcome)

    def _transact(self, calls: list[_Call]) -> list[Any]:
        """Each call's answer or exception, in order, all of one durable transaction. Runs on the thread."""
        connection = self._connection
        if connection is None:
            raise RuntimeError("the store is not open")
        try:
            with rows.transaction(connection, writes=any(call.writes for call in calls)):
                return [call.work(connection) for call in calls]
        except sqlite3.OperationalError as error:
            return [self._unavailable(error) for _ in calls]
        except Exception as error:  # noqa: BLE001 - it is one call's, which is found by running each alone
            return self._transact_alone(calls, error)

    def _transact_alone(self, calls: list[_Call], error: Exception) -> list[Any]:
        """Each call in a transaction of its own, so that a bad one fails alone."""
        if len(calls) == 1:
            return [self._unavailable(error) if isinstance(error, sqlite3.Error) else error]
        return [self._transact([call])[0] for call in calls]

    def _unavailable(self, error: sqlite3.Error) -> Unavailable:
        unavailable = Unavailable("store", f"{self._path}: {error}")
        unavailable.__cause__ = error
        return unavailable


def _answer(waiter: Answer, outcome: Any) -> None:  # noqa: ANN401 - any answer or exception
    if waiter.done():  # its caller was cancelled; the work is committed all the same
        return
    if isinstance(outcome, BaseException):
        waiter.set_exception(outcome)
    else:
        waiter.set_result(outcome)
