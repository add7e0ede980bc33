"""Background lane: work behind the predictions that people wait for, in the order in which it came.

One piece is always in hand, so that it ends however many predictions come; several are while none do.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

NAP: Final = 0.05
"""Seconds between two looks whether predictions are in hand."""


class BackgroundLane:
    """Up to `most` at once while it `is_quiet`. The event loop's thread only."""

    def __init__(self, most: int, is_quiet: Callable[[], bool]) -> None:
        self._most = most
        self._is_quiet = is_quiet
        self._turn = asyncio.Lock()
        self._freed = asyncio.Event()
        self.in_hand = 0
        """Pieces that are worked on."""

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Once it is this one's turn."""
        async with self._turn:
            while self.in_hand and (self.in_hand >= self._most or not self._is_quiet()):
                await self._wait()
            self.in_hand += 1
        try:
            yield
        finally:
            self.in_hand -= 1
            self._freed.set()

    async def _wait(self) -> None:
        self._freed.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(NAP):
                await self._freed.wait()
