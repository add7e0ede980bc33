"""One worker: the window's slots, the decoders, the micro-batcher, and what is said afterwards.

As the product has it (`streams/inflight.py`, `model/serving/batcher.py`): live photographs take slots in the
order in which they come, the replay only while no live one waits for a slot and up to its share; whoever is
decoded waits in one line, from which an idle device takes what is there, up to a full batch.

A photograph of the replay is the number `REPLAYED`; live ones have their own, from 0 on.
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import Final

from benchmarks.lanes.costs import Costs
from model.serving.batcher import BatchLimits
from operations.capacity_day import HOUR
from streams.inflight import WindowLimits

REPLAYED: Final = -1


@dataclass(frozen=True, slots=True)
class Limits:
    """The product's own settings, where nobody says otherwise."""

    concurrency: int = field(default_factory=lambda: WindowLimits().concurrency)
    background: int = field(default_factory=lambda: WindowLimits().background)
    batch: int = field(default_factory=lambda: BatchLimits().max_size)


@dataclass(slots=True, eq=False)
class Worker:
    """Its state at one moment; whoever changes it says what has to happen next, and when."""

    costs: Costs
    limits: Limits
    is_alive: bool = True
    life: int = 0
    """Counts its deaths: what was to happen in an earlier life does not."""
    waiting: deque[int] = field(default_factory=deque)
    """Live photographs without a slot."""
    running: int = 0
    background: int = 0
    line: deque[int] = field(default_factory=deque)
    """Decoded, for the device."""
    forward: list[int] = field(default_factory=list)
    open: set[int] = field(default_factory=set)
    """Live photographs that it has, and whose tags are not out."""
    replayed: int = 0
    """Photographs of the replay that it has begun, and whose tags are not out."""
    decoders_free: float = 0.0
    busy: defaultdict[int, float] = field(default_factory=lambda: defaultdict(float))
    """Seconds of the device, by the hour in which a batch began."""
    batches: int = 0

    def live_may_start(self) -> bool:
        """Whether the first that waits has a slot."""
        return bool(self.waiting) and self.running < self.limits.concurrency

    def replay_may_start(self) -> bool:
        """Whether the replay has one: behind everything live."""
        return (
            self.is_alive
            and not self.waiting
            and self.running < self.limits.concurrency
            and self.background < self.limits.background
        )

    def load(self, image: int, now: float) -> float:
        """Take a slot; when the photograph will be decoded."""
        self.running += 1
        if image == REPLAYED:
            self.background += 1
            self.replayed += 1
        self.decoders_free = max(self.decoders_free + self.costs.decode, now + self.costs.load)
        return self.decoders_free

    def begin(self, now: float) -> float | None:
        """Begin the next batch, if the device is idle and anybody waits; how long it takes."""
        if self.forward or not self.line:
            return None
        size = min(len(self.line), self.limits.batch)
        self.forward = [self.line.popleft() for _ in range(size)]
        spent = self.costs.forward(size)
        self.busy[int(now // HOUR)] += spent
        self.batches += 1
        return spent

    def end(self) -> list[int]:
        """The batch that has come to its end."""
        ended, self.forward = self.forward, []
        return ended

    def tell(self, images: list[int]) -> None:
        """Their tags are out."""
        self.open.difference_update(images)
        self.replayed -= images.count(REPLAYED)

    def free(self, images: list[int]) -> None:
        """Their slots."""
        self.running -= len(images)
        self.background -= images.count(REPLAYED)

    def die(self) -> tuple[list[int], int]:
        """Forget everything; the live photographs that it leaves undone, and how many of the replay."""
        left, replayed = sorted(self.open), self.replayed
        self.is_alive = False
        self.life += 1
        self.running = self.background = self.replayed = 0
        self.decoders_free = 0.0
        for line in (self.waiting, self.line, self.forward, self.open):
            line.clear()
        return left, replayed
