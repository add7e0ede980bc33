"""Half-open gate: while something fails, one caller at a time probes it, first come first served."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass

from streams.clock import Clock


def _nobody(_name: str) -> None:
    """Nobody wants to know."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """What the owner of a breaker or an alarm does about it. Called on the event loop; must not raise."""

    waiting: Callable[[], AbstractContextManager[object]] = nullcontext
    """Entered, in the task that waits, for as long as its waiting is explained: that is no stall."""
    on_trip: Callable[[str], None] = _nobody
    """Told the dependency that is away, or the cause of which there are too many rejections."""
    on_reset: Callable[[str], None] = _nobody
    """Told the same name when it is over; after every `on_trip` exactly once."""


class ProbeGate:
    """Shut, it lets one at a time try, each after a pause; opened, it lets everybody go on.

    First come, first served: who has tried in vain stands behind all others next time, so that one
    that always fails keeps nobody from proving that the trouble is over. Who is cancelled gives its
    turn to the next.
    """

    def __init__(self, clock: Clock, waiting: Callable[[], AbstractContextManager[object]]) -> None:
        self.is_shut = False
        self.is_tried = False
        """Whether somebody is trying now."""
        self._clock = clock
        self._waiting = waiting
        self._turn = asyncio.Lock()
        self._due = 0.0
        self._nap: asyncio.Task[None] | None = None

    def shut(self, pause: float) -> None:
        """Let nobody pass any more; the first may try after `pause` seconds."""
        self.is_shut = True
        self.postpone(pause)

    def postpone(self, pause: float) -> None:
        """Let the next one try after `pause` seconds from now."""
        self._due = self._clock.time() + pause

    def open(self) -> None:
        """Let everybody go on at once; a turn that is being used is not disturbed."""
        self.is_shut = False
        if self._nap is not None:
            self._nap.cancel()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[bool]:
        """Wait for a turn. True: nobody else tries within the block. False: it was opened meanwhile."""
        async with AsyncExitStack() as held:
            with self._waiting():
                await held.enter_async_context(self._turn)
                await self._until_due()
            if not self.is_shut:
                await held.aclose()  # whoever waits behind may go on as well
                yield False
                return
            held.callback(self._tried)
            self.is_tried = True
            yield True

    def _tried(self) -> None:
        self.is_tried = False

    async def _until_due(self) -> None:
        """Sleep until a try is due; `open` ends the sleep."""
        pause = self._due - self._clock.time()
        if not self.is_shut or pause <= 0:
            return
        self._nap = nap = asyncio.create_task(self._clock.sleep(pause))
        try:
            await asyncio.wait((nap,))
        finally:
            nap.cancel()
