"""Retry decorators: each port behind its dependency's retry and circuit breaker, wrapped once, in the wiring.

Who calls them sees a port that answers, however long an absence takes. What they raise beside the port's own
`Rejected` is `KeepsFailing`, for one object that alone is refused again and again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from functools import partial
from types import TracebackType

from schemas.events import Announcement, DeadLetter
from schemas.records import ImageHead, Kept, ScoreRecord, Stale
from schemas.rescore_jobs import RescoreState
from schemas.statements import StatementOfReasons
from schemas.uploads import Location
from streams.ports import Change, Fetched, ImageStore, Purged, TagPublisher, WholeStore
from streams.resilience.retry import Dependency

Timed = Callable[[], AbstractContextManager[object]]
"""Entered around each attempt: what is waited for between them is no part of it."""


class Slots:
    """A counting semaphore; `count` is told of each slot that is taken (1) or given back (-1)."""

    def __init__(self, slots: int, *, count: Callable[[int], None]) -> None:
        self._free = asyncio.Semaphore(slots)
        self._count = count

    async def acquire(self) -> None:
        """Wait for a slot, and take it."""
        await self._free.acquire()
        self._count(1)

    def release(self) -> None:
        """Give a slot back."""
        self._count(-1)
        self._free.release()


class RetryingImages:
    """An `ImageStore` that is outlasted, `attempts` times an object; so many images are in memory at once."""

    def __init__(self, images: ImageStore, dependency: Dependency, *, slots: Slots, attempts: int) -> None:
        self._images = images
        self._dependency = dependency
        self._slots = slots
        self._attempts = attempts

    def fetch(self, location: Location, *, timed: Timed) -> AbstractAsyncContextManager[Fetched]:
        """The object, for the block; let go of its bytes within it. Raises as `ImageStore.fetch` does."""
        return _Fetch(self, location, timed)

    async def held(self, location: Location, timed: Timed) -> Fetched:
        """The object, and a slot that whoever calls has to give back with `release`."""
        attempt = partial(self._attempt, location, timed)
        return await self._dependency.retry_until_available(attempt, attempts=self._attempts)

    def release(self) -> None:
        """Give back the slot of bytes that are done with."""
        self._slots.release()

    async def _attempt(self, location: Location, timed: Timed) -> Fetched:
        # A slot an attempt: who waits for a storage that is away holds nothing that others need.
        await self._slots.acquire()
        try:
            with timed():
                return await self._images.fetch(location)
        except BaseException:
            self._slots.release()
            raise

    async def exists(self, location: Location) -> bool:
        """See `ImageStore.exists`."""
        ask = partial(self._images.exists, location)
        return await self._dependency.retry_until_available(ask, attempts=self._attempts)


class _Fetch:
    """A fetch as a context manager, of its own for speed: it is entered for every photograph."""

    def __init__(self, images: RetryingImages, location: Location, timed: Timed) -> None:
        self._images = images
        self._location = location
        self._timed = timed

    async def __aenter__(self) -> Fetched:
        return await self._images.held(self._location, self._timed)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._images.release()


class RetryingScores:
    """The heads, scores and jobs of a store that is outlasted."""

    def __init__(self, scores: WholeStore, dependency: Dependency) -> None:
        self._scores = scores
        self._dependency = dependency

    async def head(self, image_id: str) -> ImageHead | None:
        """See `ScoreStore.head`."""
        return await self._dependency.retry_until_available(partial(self._scores.head, image_id))

    async def apply(self, image_id: str, change: Change, record: ScoreRecord | None = None) -> Kept | Stale:
        """See `ScoreStore.apply`."""
        apply = partial(self._scores.apply, image_id, change, record)
        return await self._dependency.retry_until_available(apply)

    async def records(self, image_id: str) -> tuple[ScoreRecord, ...]:
        """See `ScoreStore.records`."""
        return await self._dependency.retry_until_available(partial(self._scores.records, image_id))

    async def keep_statements(self, statements: Sequence[StatementOfReasons]) -> None:
        """See `ScoreStore.keep_statements`."""
        await self._dependency.retry_until_available(partial(self._scores.keep_statements, statements))

    async def job_states(self, job_ids: Collection[str]) -> Mapping[str, RescoreState]:
        """See `RescoreJobs.job_states`."""
        return await self._dependency.retry_until_available(partial(self._scores.job_states, job_ids))

    async def purge(self, image_id: str) -> Purged:
        """See `ScoreStore.purge`."""
        return await self._dependency.retry_until_available(partial(self._scores.purge, image_id))


class RetryingTags:
    """A `TagPublisher` that is outlasted."""

    def __init__(self, tags: TagPublisher, dependency: Dependency) -> None:
        self._tags = tags
        self._dependency = dependency

    async def announce(self, announcements: Sequence[Announcement]) -> None:
        """See `TagPublisher.announce`."""
        await self._dependency.retry_until_available(partial(self._tags.announce, announcements))

    async def bury(self, letter: DeadLetter) -> None:
        """See `TagPublisher.bury`."""
        await self._dependency.retry_until_available(partial(self._tags.bury, letter))
