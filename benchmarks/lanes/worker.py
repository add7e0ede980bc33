"""One worker: the window's slots, the decoders, the device, and what is said afterwards.

As the product has it (`streams/inflight.py`): live photographs take slots in the order in which they come,
the replay only while no live one waits for a slot, and up to its share, which is small while live ones come.

A photograph of the replay is the number `REPLAYED`; live ones have their own, from 0 on.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from benchmarks.lanes.costs import Costs
from benchmarks.lanes.device import Device
from model.serving.batcher import BatchLimits
from streams.inflight import QUIET_SECONDS, WindowLimits

REPLAYED: Final = -1
EARLY: Final = 1e-9
"""Seconds that a time may be early by its rounding: a millionth of a photograph."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The product's own settings, where nobody says otherwise."""

    concurrency: int = field(default_factory=lambda: WindowLimits().concurrency)
    background: int = field(default_factory=lambda: WindowLimits().background)
    beside: int = 1
    """Of them, while live photographs come: as on two processors."""
    batch: int = field(default_factory=lambda: BatchLimits().max_size)
    is_apart: bool = True
    """The replay wants another version than live photographs have: it has a batcher of its own."""


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
    live_at: float = -QUIET_SECONDS
    """When a live photograph last took a slot or left one."""
    open: set[int] = field(default_factory=set)
    """Live photographs that it has, and whose tags are not out."""
    replayed: int = 0
    """Photographs of the replay that it has begun, and whose tags are not out."""
    decoders_free: float = 0.0
    device: Device = field(init=False)

    def __post_init__(self) -> None:
        self.device = Device(self.costs, self.limits.batch, is_apart=self.limits.is_apart)

    def live_may_start(self) -> bool:
        """Whether the first that waits has a slot."""
        return bool(self.waiting) and self.running < self.limits.concurrency

    def replay_may_start(self, now: float) -> bool:
        """Whether the replay has one: behind everything live."""
        is_quiet = now - self.live_at >= QUIET_SECONDS - EARLY
        share = self.limits.background if is_quiet else min(self.limits.background, self.limits.beside)
        return (
            self.is_alive
            and not self.waiting
            and self.running < self.limits.concurrency
            and self.background < share
        )

    def load(self, image: int, now: float) -> float:
        """Take a slot; when the photograph will be decoded."""
        self.running += 1
        if image == REPLAYED:
            self.background += 1
            self.replayed += 1
        else:
            self.live_at = now
        self.decoders_free = max(self.decoders_free + self.costs.decode, now + self.costs.load)
        return self.decoders_free

    def decoded(self, image: int) -> None:
        """It waits for its forward."""
        self.device.add(image, is_background=image == REPLAYED)

    def tell(self, images: list[int]) -> None:
        """Their tags are out."""
        self.open.difference_update(images)
        self.replayed -= images.count(REPLAYED)

    def free(self, images: list[int], now: float) -> None:
        """Their slots."""
        replayed = images.count(REPLAYED)
        self.running -= len(images)
        self.background -= replayed
        if replayed < len(images):
            self.live_at = now

    def die(self) -> tuple[list[int], int]:
        """Forget everything; the live photographs that it leaves undone, and how many of the replay."""
        left, replayed = sorted(self.open), self.replayed
        self.is_alive = False
        self.life += 1
        self.running = self.background = self.replayed = 0
        self.live_at = -QUIET_SECONDS
        self.decoders_free = 0.0
        self.waiting.clear()
        self.open.clear()
        self.device.clear()
        return left, replayed
