"""Counting semaphore: so many at once, each slot taken and given back as a context manager."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext


class Slots:
    """`count` slots; `watched` is entered for as long as one is taken."""

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
