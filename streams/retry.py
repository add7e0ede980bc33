"""Waiting for a dependency that is away: retried in place, with backoff and jitter, said once."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_random_exponential

from schemas.errors import Unavailable

log = structlog.get_logger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait between two tries, in seconds: random in [0, min(longest, first * 2**n)]."""

    first: float = 0.2
    longest: float = 15.0


class Outages:
    """Retries what a dependency refuses for now, for as long as it takes.

    The first refusal is logged and so is the recovery; the thousand tries between them are not.
    `on_wait` is called before each wait, so that waiting on purpose is not taken for a stall.
    """

    def __init__(self, patience: Patience, *, on_wait: Callable[[], None] = lambda: None) -> None:
        self._patience = patience
        self._on_wait = on_wait
        self._away_since: dict[str, float] = {}

    @property
    def away(self) -> tuple[str, ...]:
        """The dependencies that refused last."""
        return tuple(self._away_since)

    async def outlast(self, call: Callable[[], Awaitable[T]]) -> T:
        """What `call` returns once its dependency answers; any other error is raised as it is."""
        try:
            # Nearly always this is all: the retrying loop costs more CPU than the whole pipeline around it.
            return await self._answer(call, set())
        except Unavailable as error:
            return await self._wait_out(error, call)

    async def _wait_out(self, first: Unavailable, call: Callable[[], Awaitable[T]]) -> T:
        refusals = [first]  # the loop's first attempt is the one that has just been refused

        async def again() -> T:
            if refusals:
                raise refusals.pop()
            return await call()

        retrying = AsyncRetrying(
            retry=retry_if_exception_type(Unavailable),
            wait=wait_random_exponential(multiplier=self._patience.first, max=self._patience.longest),
            before_sleep=self._note,
        )
        refused: set[str] = set()
        try:
            async for attempt in retrying:
                with attempt:
                    result = await self._answer(again, refused)
        finally:
            # Cancelled while it waited: whoever is refused next says it again.
            for name in refused:
                self._away_since.pop(name, None)
        return result

    async def _answer(self, call: Callable[[], Awaitable[T]], refused: set[str]) -> T:
        try:
            result = await call()
        except Unavailable as error:
            refused.add(error.dependency)
            raise
        except Exception:
            self._recovered(refused)  # an answer that we do not like is an answer
            raise
        self._recovered(refused)
        return result

    def _note(self, state: RetryCallState) -> None:
        self._on_wait()
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, Unavailable) and error.dependency not in self._away_since:
            self._away_since[error.dependency] = time.monotonic()
            log.warning("dependency.away", dependency=error.dependency, cause=str(error))

    def _recovered(self, dependencies: set[str]) -> None:
        for name in dependencies & self._away_since.keys():
            seconds = time.monotonic() - self._away_since.pop(name)
            log.warning("dependency.back", dependency=name, after_seconds=round(seconds, 1))
