"""Capacity plan of a replay: workers, partitions, hours, bytes and money, by arithmetic alone.

Live photographs are served first. In each hour of a day the replay takes what they leave, and at most its
share of the workers; how long it takes follows from the mean of the day.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from operations import capacity_day
from operations.capacity_day import DAY, HOUR

PRICES: Final = MappingProxyType(
    {
        "worker-hour": "an hour of a worker",
        "gb-read": "a gigabyte read from storage",
        "million-gets": "a million reads from storage",
        "gb-month": "a gigabyte in the store for a month",
    }
)
"""What may have a price, by its option."""
HEAD_WRITES: Final = 2
"""Of each image: with its scores, and when its tags are announced."""
MANY_HOURS: Final = 48
"""From here on days are the better word."""
GENTLE: Final = 0.5
"""The share where nobody says otherwise; beyond it live photographs wait for the replay's batches."""
_GIGA: Final = 1e9
_MOST_WORKERS: Final = 10_000_000


@dataclass(frozen=True, slots=True)
class CapacityQuestion:
    """What is to be replayed, by what, beside what."""

    images: float
    rate: float
    """Images a second of one worker that does nothing else."""
    share: float
    """Of each worker, for the replay, at most."""
    workers: int = 1
    deadline: float | None = None
    """Hours; then the workers are what is asked for."""
    partitions: int = 12
    """That the topics have."""
    live_per_day: float = 0.0
    peak: float = field(default_factory=capacity_day.natural_peak)
    """The busiest hour beside the mean."""
    image_bytes: float = 0.0
    record_bytes: float = 0.0
    head_bytes: float = 0.0
    message_bytes: float = 0.0
    """Of all messages about one image."""
    replication: int = 3
    prices: Mapping[str, float] = field(default_factory=dict)
    """By the names of `PRICES`."""

    @property
    def live_hours(self) -> list[float]:
        """Live photographs a second, by the hour."""
        return capacity_day.hours(self.live_per_day, self.peak)


@dataclass(frozen=True, slots=True)
class CapacityPlan:
    """What it takes."""

    workers: int
    partitions: int
    """As many for each worker, and none fewer than there are."""
    images_per_second: float
    """Of the replay, in the mean of a day."""
    hours: float | None
    """None where it never ends."""
    worker_hours: float
    """Of work, by however many."""
    gets: float
    bytes_read: float
    store_documents: float
    """New ones: heads are written over."""
    store_bytes: float
    """That stay."""
    store_bytes_written: float
    broker_bytes: float
    """In all replicas, before compression."""
    costs: Mapping[str, float]
    """By the names of `PRICES`."""
    notes: tuple[str, ...]
    """What is not as it should be, or better said otherwise."""

    @property
    def total(self) -> float | None:
        """Of the costs; None where nothing has a price."""
        return sum(self.costs.values()) if self.costs else None


def plan(asked: CapacityQuestion) -> CapacityPlan:
    """The plan; raises `ValueError` for a peak that no day has."""
    workers = asked.workers if asked.deadline is None else least_workers(asked, asked.deadline)
    rate = replay_rate(asked, workers)
    hours = asked.images / rate / HOUR if rate else None
    amounts = {
        "worker-hour": asked.images / asked.rate / HOUR,
        "gb-read": asked.images * asked.image_bytes / _GIGA,
        "million-gets": asked.images / 1e6,
        "gb-month": asked.images * asked.record_bytes / _GIGA,
    }
    return CapacityPlan(
        workers=workers,
        partitions=math.ceil(max(asked.partitions, workers) / workers) * workers,
        images_per_second=rate,
        hours=hours,
        worker_hours=amounts["worker-hour"],
        gets=asked.images,
        bytes_read=asked.images * asked.image_bytes,
        store_documents=asked.images,
        store_bytes=asked.images * asked.record_bytes,
        store_bytes_written=asked.images * (asked.record_bytes + HEAD_WRITES * asked.head_bytes),
        broker_bytes=asked.images * asked.message_bytes * asked.replication,
        costs={name: amounts[name] * price for name, price in asked.prices.items()},
        notes=tuple(_notes(asked, workers, hours)),
    )


def replay_rate(asked: CapacityQuestion, workers: int) -> float:
    """Images a second of the replay, in the mean of a day."""
    whole = workers * asked.rate
    left = [min(asked.share * whole, left) for left in _left(whole, asked.live_hours)]
    return sum(left) * HOUR / DAY


def _left(whole: float, live: Sequence[float]) -> list[float]:
    """What live photographs leave of `whole`, by the hour; who waits goes before the next hour's."""
    if sum(live) >= whole * len(live):
        return [0.0] * len(live)
    left, waiting = [], 0.0
    for due in (*live, *live):  # the second day begins with what waits at the end of the first
        left.append(max(0.0, whole - due - waiting))
        waiting = max(0.0, due + waiting - whole)
    return left[len(live) :]


def least_workers(asked: CapacityQuestion, deadline: float) -> int:
    """As few as are done within `deadline` hours; raises `ValueError` where more than millions were."""
    wanted = asked.images / (deadline * HOUR)
    low, high = 0, 1
    while replay_rate(asked, high) < wanted:
        low, high = high, high * 2
        if high > _MOST_WORKERS:
            raise ValueError(f"{deadline:g} hours: not with {_MOST_WORKERS:,} workers")
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if replay_rate(asked, middle) >= wanted else (middle, high)
    return high


def _notes(asked: CapacityQuestion, workers: int, hours: float | None) -> list[str]:
    whole, live = workers * asked.rate, asked.live_hours
    said = []
    if hours is None:
        said.append("the replay never ends: live photographs take everything, in every hour")
    elif hours >= MANY_HOURS:
        more = (
            "" if asked.deadline else ", and no matter of hours: --deadline says how many workers are faster"
        )
        said.append(f"that is {hours / 24:,.1f} days{more}")
    if max(live) > whole:
        said.append(
            f"live photographs alone are too many: {max(live):,.1f} a second in the busiest hour, and"
            f" {workers:,} {_workers(workers)} do {whole:,.1f}; they wait until it is over, and the replay"
            " with them"
        )
    if workers > asked.partitions:
        said.append(
            f"{asked.partitions:,} partitions are too few: {workers - asked.partitions:,} of {workers:,}"
            " workers would have nothing to do"
        )
    if asked.share > GENTLE and asked.live_per_day:
        said.append(
            f"a replay that takes {asked.share:.0%} of the workers makes live photographs wait for its"
            " batches: `make bench-lanes` says how long"
        )
    return said


def _workers(number: int) -> str:
    return "worker" if number == 1 else "workers"
