"""So many at once, or one alone; first come, first served."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Seats:
    """`count` of them. Who asks for all of them waits for those who sit, and lets nobody past meanwhile."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._door = asyncio.Lock()
        self._free = asyncio.Semaphore(count)

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """A seat, in company."""
        async with self._door:
            await self._free.acquire()
        try:
            yield
        finally:
            self._free.release()

    @asynccontextmanager
    async def all(self) -> AsyncIterator[None]:
        """Every seat: nobody else sits."""
        taken = 0
        async with self._door:
            try:
                for _ in range(self._count):
                    await self._free.acquire()
                    taken += 1
                yield
            finally:
                for _ in range(taken):
                    self._free.release()
