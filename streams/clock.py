"""Injected clock: time as a part that is handed in.

`model.clock` says the same of itself: `model` and `streams` are siblings that do not import each
other, and a protocol is met by shape, so that one `ManualClock` serves the tests of both.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Protocol


class Clock(Protocol):
    """What whoever waits asks of time."""

    def time(self) -> float:
        """Seconds since an arbitrary moment; never goes back."""
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
