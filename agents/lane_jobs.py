"""Job states as workers know them: asked of the store now and then, for the jobs that requests name.

A request of the lane cannot be taken back: the offsets are the workers' group's, and what waits at the head
hides what comes behind it. So a worker passes over the requests of a job that was cancelled, and of one that
the store does not know: an earlier release asked for those. Where it has not the wanted version it waits
for it only as long as the job itself runs.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

import structlog

from schemas.rescore_jobs import RescoreState
from streams.resilience.retrying import RetryingScores

log = structlog.get_logger(__name__)

ASK_SECONDS: Final = 5.0
"""How old an answer may be: as long a worker may go on with a job that was cancelled."""


class LaneJobs:
    """What the store says of the jobs that requests name; that one is cancelled holds for good."""

    def __init__(self, scores: RetryingScores, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._scores = scores
        self._clock = clock
        self._cancelled: set[str] = set()
        self._strangers: set[str] = set()
        self._answers: dict[str, tuple[float, RescoreState | None]] = {}
        self._questions: dict[str, asyncio.Task[None]] = {}
        """Those on their way, and those that failed until somebody has heard of it."""

    def is_waited_for(self, job: str) -> bool:
        """Whether a worker that has not the job's version holds its requests back.

        So it is until the store has answered; where the answer is old, it is asked for meanwhile. Raises
        what went wrong with the last question.
        """
        if self._is_due(job):
            question = self._question(job)
            if question.done():
                self._questions.pop(job, None)
                question.result()
        if job in self._cancelled:
            return False
        return job not in self._answers or self._answers[job][1] is RescoreState.RUNNING

    async def refusal(self, job: str) -> str | None:
        """How a request ends that is passed over by every worker: `cancelled` or `unknown`; else None."""
        if self._is_due(job):
            await asyncio.shield(self._question(job))
        if job in self._cancelled:
            return "cancelled"
        return "unknown" if self._answers[job][1] is None else None

    def _is_due(self, job: str) -> bool:
        if job in self._cancelled:
            return False
        return job not in self._answers or self._is_old(self._answers[job][0])

    def _is_old(self, asked: float) -> bool:
        return self._clock() - asked >= ASK_SECONDS

    def _question(self, job: str) -> asyncio.Task[None]:
        """The one question about the job that is on its way: many requests wait for its answer."""
        if job not in self._questions:
            self._questions[job] = asyncio.create_task(self._ask(job))
        return self._questions[job]

    async def _ask(self, job: str) -> None:
        asked = self._clock()
        state = (await self._scores.job_states((job,))).get(job)
        self._answers = {other: said for other, said in self._answers.items() if not self._is_old(said[0])}
        self._answers[job] = (asked, state)
        self._questions.pop(job, None)
        if state is RescoreState.CANCELLED:
            self._cancelled.add(job)
            log.info("replay.cancelled", job=job)
        elif state is None and job not in self._strangers:
            self._strangers.add(job)
            log.warning("replay.unknown", job=job)
