"""Heartbeat of the event loop: once a second it proves that the loop runs, and samples the gauges.

Whoever asks from another thread (a probe, a scrape) reads what the last beat saw. A loop that is
blocked beats no more, and anybody can see for how long.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

_INTERVAL: Final = 1.0

Clock = Callable[[], float]
"""Seconds since an arbitrary moment; never goes back."""


class Pulse:
    """Beats while it runs. `beat` and the looks belong to the event loop, `silence` to any thread."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._looks: list[Callable[[], None]] = []
        self._last = clock()

    @property
    def silence(self) -> float:
        """Seconds since the last beat; since the making, before the first one."""
        return self._clock() - self._last

    def each(self, look: Callable[[], None]) -> None:
        """Call `look` at each beat from now on; it must not block."""
        self._looks.append(look)

    def beat(self) -> None:
        """Look at everything, and say that the loop lives."""
        for look in self._looks:
            look()
        self._last = self._clock()

    @asynccontextmanager
    async def running(self, on_failure: Callable[[BaseException], None]) -> AsyncIterator[None]:
        """Beat within the block; a look that raises ends the beating and is told to `on_failure`."""
        beating = asyncio.create_task(self._run(), name="pulse")
        beating.add_done_callback(lambda ended: _tell(ended, on_failure))
        try:
            yield
        finally:
            beating.cancel()
            await asyncio.wait((beating,))

    async def _run(self) -> None:
        while True:
            self.beat()
            await asyncio.sleep(_INTERVAL)


def _tell(ended: asyncio.Task[None], on_failure: Callable[[BaseException], None]) -> None:
    if not ended.cancelled() and (error := ended.exception()) is not None:
        on_failure(error)
