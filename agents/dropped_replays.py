"""Cancellation by a mark in the store: which replays a person has dropped, asked for now and then.

A request of the lane cannot be taken back: the offsets are the workers' group's, and what waits at the head
hides what comes behind it. So the store says that a replay is dropped, and each worker passes its requests
over as it comes to them, whether it runs now or starts later.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

import structlog

from streams.resilience.retrying import RetryingScores

log = structlog.get_logger(__name__)

ASK_SECONDS: Final = 5.0
"""How old an answer may be: as long a worker may go on with a replay that was dropped."""


class DroppedReplays:
    """What the store says of the replays that requests name; `True` holds for good."""

    def __init__(self, scores: RetryingScores, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._scores = scores
        self._clock = clock
        self._dropped: set[str] = set()
        self._asked: dict[str, float] = {}
        self._asking: asyncio.Task[None] | None = None

    def is_known(self, job: str) -> bool:
        """Whether the replay is known to be dropped; where that is old, it is asked for meanwhile.

        Raises what went wrong with the last question.
        """
        if self._asking is not None and self._asking.done():
            self._asking.result()
            self._asking = None
        if self._asking is None and self._is_due(job):
            self._asking = asyncio.create_task(self._ask(job))
        return job in self._dropped

    async def is_dropped(self, job: str) -> bool:
        """Whether the replay is dropped, as the store said lately."""
        if self._is_due(job):
            await self._ask(job)
        return job in self._dropped

    def _is_due(self, job: str) -> bool:
        asked = self._asked.get(job)
        return job not in self._dropped and (asked is None or self._clock() - asked >= ASK_SECONDS)

    async def _ask(self, job: str) -> None:
        self._asked = {job: self._clock()} | {
            other: asked for other, asked in self._asked.items() if self._clock() - asked < ASK_SECONDS
        }
        if await self._scores.dropped_replays((job,)):
            self._dropped.add(job)
            log.info("replay.dropped", job=job)
