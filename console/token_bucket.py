"""Token bucket: so many a second on average, and a burst of what was left unused before."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BucketState:
    """How a bucket stood when it was asked."""

    wait: float | None
    """Seconds until as many are there as were asked for; None where they were taken."""
    left: int
    """Whole tokens."""


class TokenBucket:
    """Begins full. Refills by the clock, so it needs no task of its own."""

    def __init__(self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = max(burst, 1.0)
        self._clock = clock
        self._level = self._burst
        self._at = clock()

    @property
    def is_full(self) -> bool:
        """Whether it stands as a new one would."""
        self._refill()
        return self._level >= self._burst

    def take(self, count: int = 1) -> BucketState:
        """Take `count`, all or none; more than a burst waits for a full bucket and leaves a debt."""
        self._refill()
        needed = min(float(count), self._burst)
        if self._level < needed:
            return BucketState((needed - self._level) / self._rate, int(self._level))
        self._level -= count
        return BucketState(None, max(0, int(self._level)))

    def _refill(self) -> None:
        now = self._clock()
        self._level = min(self._burst, self._level + (now - self._at) * self._rate)
        self._at = now
