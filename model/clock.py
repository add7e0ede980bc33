"""Injected clock: where time decides, a test must be able to move it."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Protocol


class Clock(Protocol):
    """What the batcher asks of time."""

    def time(self) -> float:
        """Seconds since an arbitrary moment; never goes back. Called from any thread."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Come back when that many seconds have gone by."""
        ...


class SystemClock:
    """The machine's monotonic clock."""

    time = staticmethod(monotonic)

    async def sleep(self, seconds: float) -> None:
        """`asyncio.sleep()`."""
        await asyncio.sleep(seconds)


class ManualClock:
    """A clock that stands still until it is advanced."""

    def __init__(self, now: float = 0.0) -> None:
        self._now = now
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    @property
    def sleepers(self) -> int:
        """How many sleeps have not ended."""
        return len(self._sleepers)

    def time(self) -> float:
        """The time it was last advanced to."""
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Come back once it has been advanced by that many seconds."""
        sleeper = (self._now + seconds, asyncio.get_running_loop().create_future())
        self._sleepers.append(sleeper)
        self._wake_due()
        try:
            await sleeper[1]
        finally:
            self._sleepers.remove(sleeper)

    def advance(self, seconds: float) -> None:
        """Move time in one step and wake whoever is due, earliest first. Called on the event loop only."""
        self._now += seconds
        self._wake_due()

    def _wake_due(self) -> None:
        for deadline, asleep in sorted(self._sleepers, key=lambda sleeper: sleeper[0]):
            if deadline <= self._now and not asleep.done():
                asleep.set_result(None)
