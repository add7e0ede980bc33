"""Filling of the lane: how many pages keep the workers busy, by what they have done lately.

Workers commit once a second, so what is settled is known a second late, and two pages keep no more than some
hundred images a second going. A fleet that does more gets more pages: what it does in two seconds.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Final

OPEN: Final = 2
"""Pages in the lane at least: with one the workers idle while the next is chosen."""

MOST_OPEN: Final = 20

AHEAD_SECONDS: Final = 2.0
"""Of the workers' time that may lie in the lane, beside the page that is being settled."""

_LATELY: Final = 10.0


class LaneFilling:
    """Learns from each settled page."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._settled: deque[tuple[float, int]] = deque()

    def settled(self, images: int, now: float) -> None:
        """A page of which so many images were asked for is settled now."""
        self._settled.append((now, images))
        while now - self._settled[0][0] > _LATELY:
            self._settled.popleft()

    @property
    def pages(self) -> int:
        """How many may be in the lane."""
        return min(MOST_OPEN, max(OPEN, math.ceil(self._speed * AHEAD_SECONDS / self._size) + 1))

    @property
    def _speed(self) -> float:
        """Images a second; 0 while too little is known."""
        if not self._settled:
            return 0.0
        first, last = self._settled[0], self._settled[-1]
        seconds = last[0] - first[0]
        images = sum(count for when, count in self._settled if when > first[0])
        return images / seconds if seconds >= 1 else 0.0
