"""The processor of a worker: batches of several versions at once share it alike; each version has one line.

As the product has it (`model/serving/batcher.py`): an idle batcher takes what is in its line, up to a full
batch, in the order in which it came, and the next one when that batch has ended.
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass
from typing import Final

from benchmarks.lanes.costs import Costs
from operations.capacity_day import HOUR

_DONE: Final = 1e-9
"""Seconds of work that are a rounding's."""


@dataclass(slots=True)
class _Batch:
    images: list[int]
    left: float
    """Seconds of the whole processor."""


class Device:
    """Processor sharing: of two forwards at once each takes twice as long."""

    def __init__(self, costs: Costs, batch: int, lines: int) -> None:
        self.busy: defaultdict[int, float] = defaultdict(float)
        """Seconds, by the hour in which they ended."""
        self.batches = 0
        self.turn = 0
        """Counts the changes: an end that was foreseen before one is none."""
        self._costs = costs
        self._most = batch
        self._lines: list[deque[int]] = [deque() for _ in range(lines)]
        self._running: list[_Batch | None] = [None] * lines
        self._at = 0.0

    def add(self, image: int, line: int) -> None:
        """It is decoded, and waits."""
        self._lines[line].append(image)

    def begin(self, now: float) -> bool:
        """Begin what can begin; whether anything did."""
        begun = False
        for number, line in enumerate(self._lines):
            if line and self._running[number] is None:
                self._advance(now)
                size = min(len(line), self._most)
                images = [line.popleft() for _ in range(size)]
                self._running[number] = _Batch(images, self._costs.forward(size))
                self.batches += 1
                begun = True
        self.turn += begun
        return begun

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
        return ended

    def clear(self) -> None:
        """The worker has died."""
        self.turn += 1
        for number, line in enumerate(self._lines):
            line.clear()
            self._running[number] = None

    def _advance(self, now: float) -> None:
        active = [each for each in self._running if each is not None]
        for each in active:
            each.left -= (now - self._at) / len(active)
        if active:
            self.busy[int(now // HOUR)] += now - self._at
        self._at = now
