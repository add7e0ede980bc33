"""Group commit: the calls that queue up while one round is in flight share the next one.

One fsync, or one trip over the network, then serves as many images as came meanwhile; a call that
comes alone waits for nobody.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

C = TypeVar("C")
T = TypeVar("T")

Work = Callable[[Sequence[C]], Awaitable[Sequence[T | BaseException]]]
"""Answers each call, in order, or says what it failed of; what it raises is the answer to all."""


class GroupCommit(Generic[C, T]):
    """Calls, worked on together: at most `most` of them at once, and one round at a time."""

    def __init__(self, work: Work[C, T], *, most: int) -> None:
        self._work = work
        self._most = most
        self._queued: deque[tuple[C, asyncio.Future[T]]] = deque()
        self._runner: asyncio.Task[None] | None = None

    async def join(self, call: C) -> T:
        """The answer to `call`. Cancelling the wait does not take the call back."""
        waiter: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._queued.append((call, waiter))
        if self._runner is None:
            self._runner = asyncio.create_task(self._run())
        return await waiter

    async def drain(self) -> None:
        """Return when every call has its answer."""
        while self._runner:
            await asyncio.wait([self._runner])

    async def _run(self) -> None:
        try:
            while self._queued:
                await self._round([self._queued.popleft() for _ in range(self._size)])
        finally:
            self._runner = None

    @property
    def _size(self) -> int:
        return min(self._most, len(self._queued))

    async def _round(self, together: list[tuple[C, asyncio.Future[T]]]) -> None:
        outcomes: Sequence[T | BaseException]
        try:
            outcomes = await self._work([call for call, _ in together])
        except Exception as error:  # noqa: BLE001 - it belongs to the callers
            outcomes = [error] * len(together)
        for (_, waiter), outcome in zip(together, outcomes, strict=True):
            _answer(waiter, outcome)


def _answer(waiter: asyncio.Future[T], outcome: T | BaseException) -> None:
    if waiter.done():  # its caller was cancelled; the work is done all the same
        return
    if isinstance(outcome, BaseException):
        waiter.set_exception(outcome)
    else:
        waiter.set_result(outcome)
