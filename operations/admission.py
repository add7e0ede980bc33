"""Admission control: who would not be answered in time is refused at once, by Little's law.

A photograph that is admitted beside n - 1 others and takes t seconds says that one takes t / n. So many may
be in hand as are done within a share of the deadline at that pace: work that is thrown away at the deadline
costs those who wait, and a server that is asked for more than it can do would answer nobody.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from schemas.errors import TagstreamError

SHARE: Final = 0.5
"""Of the deadline, that may be waited for."""

WEIGHT: Final = 0.1
"""Of the newest time in the moving average."""


class Overloaded(TagstreamError):
    """So many photographs are in hand that another one would not be answered in time."""


class Admission:
    """Counts what is in hand. The event loop's thread only."""

    def __init__(self, most: int, deadline: float, clock: Callable[[], float] = time.perf_counter) -> None:
        self._most = most
        self._deadline = deadline
        self._clock = clock
        self._pace: float | None = None
        self.in_hand = 0
        """Photographs that are worked on or wait."""
        self._left_at = -math.inf
        """When the last one was answered."""

    def is_quiet(self, seconds: float) -> bool:
        """Whether for so long nothing has been in hand."""
        return not self.in_hand and self._clock() - self._left_at >= seconds

    @property
    def limit(self) -> int:
        """How many may be in hand now, one at least."""
        if self._pace is None or self._pace * self._most <= SHARE * self._deadline:
            return self._most
        return max(1, int(SHARE * self._deadline / self._pace))

    def refuse_full(self) -> None:
        """Raise `Overloaded` where no other may be in hand; asked before a body is read, too."""
        if self.in_hand >= self.limit:
            raise Overloaded(f"{self.in_hand} photographs are in hand, as many as are answered in time")

    @contextmanager
    def place(self) -> Iterator[None]:
        """One more in hand. Raises `Overloaded`."""
        self.refuse_full()
        self.in_hand += 1
        try:
            yield
        finally:
            self.in_hand -= 1
            self._left_at = self._clock()

    @contextmanager
    def timed(self) -> Iterator[None]:
        """The block scores one photograph; what it raises for the photograph's own fault says no pace."""
        beside, began = self.in_hand, self._clock()
        try:
            yield
        except TagstreamError:
            raise
        except BaseException:  # broken off: it would have taken longer still
            self._learn((self._clock() - began) / beside)
            raise
        self._learn((self._clock() - began) / beside)

    def _learn(self, pace: float) -> None:
        self._pace = pace if self._pace is None else self._pace + WEIGHT * (pace - self._pace)
