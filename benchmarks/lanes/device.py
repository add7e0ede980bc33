"""The processor of a worker: a line of live photographs and one of the replay; forwards at once share it.

As the product has it (`model/serving/batcher.py`): an idle batcher takes what is in its line, up to a full
batch, in the order in which it came, and the next one when that batch has ended. The replay has batches of
its own, a quarter as large, when no live photograph waits, and one in `FLOOR` where one always does. To
another version it has a batcher of its own, which stands back while the other has live photographs, for at
most `FLOOR` of its own turns.
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass
from typing import Final

from benchmarks.lanes.costs import Costs
from model.serving.batcher import FLOOR, QUARTER
from operations.capacity_day import HOUR

LIVE: Final = 0
BACKGROUND: Final = 1

_DONE: Final = 1e-9
"""Seconds of work that are a rounding's."""


@dataclass(slots=True)
class _Batch:
    images: list[int]
    left: float
    """Seconds of the whole processor."""
    began: float


class Device:
    """Processor sharing: of two forwards at once each takes twice as long."""

    def __init__(self, costs: Costs, batch: int, *, is_apart: bool) -> None:
        self.busy: defaultdict[int, float] = defaultdict(float)
        """Seconds, by the hour in which they ended."""
        self.batches = 0
        self.turn = 0
        """Counts the changes: an end that was foreseen before one is none."""
        self._costs = costs
        self._most = (batch, max(1, batch // QUARTER))
        self._is_apart = is_apart
        self._lines: tuple[deque[int], deque[int]] = (deque(), deque())
        self._running: list[_Batch | None] = [None, None]
        self._others_first = 0
        """Live batches that have begun while the replay waited."""
        self._turn_ended = self._turn_took = 0.0
        """Of the replay."""
        self._at = 0.0

    def add(self, image: int, *, is_background: bool) -> None:
        """It is decoded, and waits."""
        self._lines[is_background].append(image)

    def begin(self, now: float) -> bool:
        """Begin what can begin; whether anything did."""
        begun = False
        if self._background_is_due(now):
            self._start(BACKGROUND, now)
            self._others_first = 0
            begun = True
        if self._lines[LIVE] and self._is_free(LIVE):
            self._others_first += bool(self._lines[BACKGROUND])
            self._start(LIVE, now)
            begun = True
        self.turn += begun
        return begun

    def _is_free(self, line: int) -> bool:
        """Whether its batcher runs nothing."""
        return self._running[line] is None and (self._is_apart or not any(self._running))

    def _background_is_due(self, now: float) -> bool:
        if not self._lines[BACKGROUND] or not self._is_free(BACKGROUND):
            return False
        if self._is_apart:
            is_live = bool(self._lines[LIVE] or self._running[LIVE])
            return not is_live or now - self._turn_ended >= FLOOR * self._turn_took
        return not self._lines[LIVE] or self._others_first >= FLOOR - 1

    def _start(self, line: int, now: float) -> None:
        self._advance(now)
        size = min(len(self._lines[line]), self._most[line])
        images = [self._lines[line].popleft() for _ in range(size)]
        self._running[line] = _Batch(images, self._costs.forward(size), now)
        self.batches += 1

    def next_end(self) -> float | None:
        """When a batch ends, if nothing changes; None where none runs."""
        left = [each.left for each in self._running if each is not None]
        return self._at + min(left) * len(left) if left else None

    def end(self, now: float) -> list[int]:
        """The photographs of what has come to its end."""
        self._advance(now)
        self.turn += 1
        ended: list[int] = []
        for number, each in enumerate(self._running):
            if each is not None and each.left <= _DONE:
                ended += each.images
                self._running[number] = None
                if number == BACKGROUND:
                    self._turn_ended, self._turn_took = now, now - each.began
        return ended

    def clear(self) -> None:
        """The worker has died."""
        self.turn += 1
        for line in self._lines:
            line.clear()
        self._running = [None, None]

    def _advance(self, now: float) -> None:
        active = [each for each in self._running if each is not None]
        for each in active:
            each.left -= (now - self._at) / len(active)
        if active:
            self.busy[int(now // HOUR)] += now - self._at
        self._at = now
