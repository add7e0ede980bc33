"""Weighted semaphore of bytes: a bounded quantity that many tasks share."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class ByteSemaphore:
    """At most `limit` units are out at once, given first come, first served.

    An amount above the whole limit is given when nothing else is out: one huge object is slow, never
    stuck. A small amount does not overtake a large one that waits, so nobody starves.
    """

    def __init__(self, limit: int) -> None:
        if limit < 1:
            raise ValueError(f"a budget must be at least 1, not {limit}")
        self._limit = limit
        self._in_use = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @property
    def limit(self) -> int:
        """Units that may be out at once."""
        return self._limit

    @property
    def in_use(self) -> int:
        """Units that are out now; above `limit` only while one oversized amount is out alone."""
        return self._in_use

    @property
    def waiting(self) -> int:
        """Takers that wait for their turn."""
        return len(self._waiting)

    @asynccontextmanager
    async def take(self, amount: int) -> AsyncIterator[None]:
        """Hold `amount` units within the block; waits for its turn until they are free."""
        if amount < 0:
            raise ValueError(f"cannot take {amount}")
        await self._acquire(amount)
        try:
            yield
        finally:
            self._release(amount)

    async def _acquire(self, amount: int) -> None:
        if not self._waiting and self._fits(amount):
            self._in_use += amount
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((amount, turn))
        try:
            await turn
        except asyncio.CancelledError:
            self._leave(amount, turn)
            raise

    def _leave(self, amount: int, turn: asyncio.Future[None]) -> None:
        """A cancelled taker goes: out of the queue, or with what it was given in the same moment."""
        if turn.done() and not turn.cancelled():
            self._release(amount)
            return
        if (amount, turn) in self._waiting:
            self._waiting.remove((amount, turn))
        self._admit()  # it may have been the large one that held the others up

    def _release(self, amount: int) -> None:
        self._in_use -= amount
        self._admit()

    def _admit(self) -> None:
        while self._waiting and self._fits(self._waiting[0][0]):
            amount, turn = self._waiting.popleft()
            if not turn.cancelled():  # its task was cancelled and has not run yet
                self._in_use += amount
                turn.set_result(None)

    def _fits(self, amount: int) -> bool:
        return self._in_use == 0 or self._in_use + amount <= self._limit
