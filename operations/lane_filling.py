"""Filling of the lane: how large its pages are and how many of them keep the workers busy, by what they did.

Workers commit once a second, so what is settled is known a second late. Pages are of what is done in a
second: then progress is told, and a pause heard, as soon as that; and a burst of questions and requests,
which the servers answer beside the uploads', is small where the workers are slow or the job has a rate.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Final, NamedTuple

LEAST: Final = 16
"""Images of a page where nothing is known yet, or little is done."""

OPEN: Final = 2
"""Pages in the lane at least: with one the workers idle while the next is chosen."""

MOST_OPEN: Final = 20

PAGE_SECONDS: Final = 1.0
"""Of the workers' time in a page."""

AHEAD_SECONDS: Final = 4.0
"""Of it in the lane, beside the page that is being settled: longer than it takes to know that one is."""

_LATELY: Final = 10.0


class _Page(NamedTuple):
    when: float
    considered: int
    asked: int


class LaneFilling:
    """Learns from each settled page."""

    def __init__(self, most: int) -> None:
        """`most` images are in a page."""
        self._most = most
        self._settled: deque[_Page] = deque()

    def settled(self, considered: int, asked: int, now: float) -> None:
        """A page of so many images, of which so many were asked for, is settled now."""
        self._settled.append(_Page(now, considered, asked))
        while now - self._settled[0].when > _LATELY:
            self._settled.popleft()

    def size(self, rate: float | None) -> int:
        """Images that the next page considers: more where few of them are asked for."""
        considered = sum(page.considered for page in self._settled)
        if not considered:
            return math.ceil(self._wanted(rate))
        if not (asked := sum(page.asked for page in self._settled)):
            return self._most
        return min(self._most, math.ceil(self._wanted(rate) * considered / asked))

    def pages(self, rate: float | None) -> int:
        """How many of them may be in the lane."""
        return min(MOST_OPEN, max(OPEN, math.ceil(self._speed * AHEAD_SECONDS / self._wanted(rate)) + 1))

    def _wanted(self, rate: float | None) -> float:
        """Images of a page that are asked for."""
        speed, least = (self._speed, LEAST) if rate is None else (min(self._speed or rate, rate), 1)
        return min(self._most, max(least, speed * PAGE_SECONDS))

    @property
    def _speed(self) -> float:
        """Images a second that were asked for and done; 0 while too little is known."""
        if not self._settled:
            return 0.0
        first, last = self._settled[0], self._settled[-1]
        seconds = last.when - first.when
        images = sum(page.asked for page in self._settled if page.when > first.when)
        return images / seconds if seconds >= 1 else 0.0
