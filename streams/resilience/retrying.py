"""Retry decorators: each port behind its dependency's retry and circuit breaker, wrapped once, in the wiring.

Who calls them sees a port that answers, however long an absence takes. What they raise beside the port's own
`Rejected` is `KeepsFailing`, for one object that alone is refused again and again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from functools import partial

from schemas.events import Announcement, DeadLetter
from schemas.records import ImageHead, Kept, ScoreRecord, Stale
from schemas.uploads import Location
from streams.ports import Change, Fetched, ImageStore, ScoreStore, TagPublisher
from streams.resilience.retry import Dependency

Timed = Callable[[], AbstractContextManager[object]]
"""Entered around each attempt: what is waited for between them is no part of it."""


class Slots:
    """A semaphore of `count` slots; `watched` is entered for as long as one is taken."""

    def __init__(
        self, count: int, *, watched: Callable[[], AbstractContextManager[object]] = nullcontext
    ) -> None:
        self._free = asyncio.Semaphore(count)
        self._watched = watched

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[None]:
        """Wait for a slot, and hold it for the block."""
        async with self._free:
            with self._watched():
                yield


class RetryingImages:
    """An `ImageStore` that is outlasted, `attempts` times an object, and whose bytes are bounded in number.

    A slot is taken for each fetch and given back when its bytes are done with.
    """

    def __init__(
        self,
        images: ImageStore,
        dependency: Dependency,
        *,
        slots: Slots,
        attempts: int,
    ) -> None:
        self._images = images
        self._dependency = dependency
        self._slots = slots
        self._attempts = attempts

    @asynccontextmanager
    async def fetch(self, location: Location, *, timed: Timed) -> AsyncIterator[Fetched]:
        """The object, for the block; let go of its bytes within it. Raises as `ImageStore.fetch` does."""
        async with AsyncExitStack() as slot:
            attempt = partial(self._attempt, location, timed, slot)
            yield await self._dependency.retry_until_available(attempt, attempts=self._attempts)

    async def _attempt(self, location: Location, timed: Timed, slot: AsyncExitStack) -> Fetched:
        async with AsyncExitStack() as taken:
            # A slot an attempt: who waits for a storage that is away holds nothing that others need.
            await taken.enter_async_context(self._slots.taken())
            with timed():
                fetched = await self._images.fetch(location)
            slot.push_async_exit(taken.pop_all())
            return fetched

    async def exists(self, location: Location) -> bool:
        """See `ImageStore.exists`."""
        ask = partial(self._images.exists, location)
        return await self._dependency.retry_until_available(ask, attempts=self._attempts)


class RetryingScores:
    """The heads and scores of a `ScoreStore` that is outlasted."""

    def __init__(self, scores: ScoreStore, dependency: Dependency) -> None:
        self._scores = scores
        self._dependency = dependency

    async def head(self, image_id: str) -> ImageHead | None:
        """See `ScoreStore.head`."""
        return await self._dependency.retry_until_available(partial(self._scores.head, image_id))

    async def apply(self, image_id: str, change: Change, record: ScoreRecord | None = None) -> Kept | Stale:
        """See `ScoreStore.apply`."""
        apply = partial(self._scores.apply, image_id, change, record)
        return await self._dependency.retry_until_available(apply)


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
