"""Sampled gauges: how full everything bounded is, and what is away; read on the event loop, once a beat.

Nothing here is read by the thread that serves `/metrics`: the window's and the batcher's containers
belong to the loop. Each class takes one noun's statistics and sets its gauges.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from prometheus_client import Histogram

from agents.telemetry.instruments import Instruments
from streams.adapters.s3.budget import ByteSemaphore
from streams.inflight import Partition, WindowLimits, WindowStatistics

if TYPE_CHECKING:  # the straight path runs without the model
    from model.serving.statistics import BatchStatistics, DeviceTally


class WindowMetrics:
    """How full the in-flight window is."""

    def __init__(self, make: Instruments, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._oldest: tuple[float, float] | None = None
        self._running = make.gauge("tagstream_window_running", "Messages worked on now")
        self._running_limit = make.gauge(
            "tagstream_window_running_limit", "The bound of TAGSTREAM_WINDOW__CONCURRENCY"
        )
        self._unfinished = make.gauge("tagstream_window_unfinished", "Messages admitted and not finished")
        self._span = make.levels(
            "tagstream_window_span",
            "Offsets from a partition's oldest unfinished message to its newest admitted one",
            ["topic", "partition"],
        )
        self._span_limit = make.gauge("tagstream_window_span_limit", "The bound of TAGSTREAM_WINDOW__SPAN")
        self._idle = make.gauge(
            "tagstream_window_idle_seconds", "Time since something last finished, with work in flight"
        )
        self._idle_limit = make.gauge(
            "tagstream_window_idle_limit_seconds", "The bound of TAGSTREAM_WINDOW__STALL"
        )
        make.gauge(
            "tagstream_oldest_unfinished_age_seconds", "Time since the oldest unfinished message was admitted"
        ).set_function(self._age)

    def update(self, statistics: WindowStatistics, limits: WindowLimits) -> None:
        """Show the window as it stands."""
        self._oldest = (statistics.oldest_age, self._clock()) if statistics.unfinished else None
        self._running.set(statistics.running)
        self._running_limit.set(limits.concurrency)
        self._unfinished.set(statistics.unfinished)
        self._span.replace(_by_partition(statistics.spans))
        self._span_limit.set(limits.span)
        self._idle.set(statistics.idle)
        self._idle_limit.set(limits.stall)

    def _age(self) -> float:
        """At the time of the scrape: with the loop blocked the oldest message gets no younger."""
        oldest = self._oldest
        return oldest[0] + self._clock() - oldest[1] if oldest else 0.0


class BatchMetrics:
    """What the micro-batcher does, and how full its intake is."""

    def __init__(self, make: Instruments, sizes: Histogram) -> None:
        self._sizes = sizes
        self._last: DeviceTally | None = None
        self._last_dropped = 0
        self._size_limit = make.gauge(
            "tagstream_batch_size_limit",
            "The bound of TAGSTREAM_BATCH__MAX_SIZE, or less since the device ran out of memory",
        )
        self._intake = make.gauge("tagstream_batch_intake", "Images accepted by the batcher and not answered")
        self._intake_limit = make.gauge(
            "tagstream_batch_intake_limit", "The bound of TAGSTREAM_BATCH__INTAKE"
        )
        self._at_door = make.gauge("tagstream_batch_held_back", "Images that wait for a place in the intake")
        self._dropped = make.counter(
            "tagstream_batch_dropped", "Images that nobody waited for any more when their forward began"
        )
        self._failed = make.counter("tagstream_batch_failed_forwards", "Forwards that raised")
        self._memory = make.counter(
            "tagstream_batch_out_of_memory", "Forwards that ran out of the device's memory"
        )
        self._culprits = make.counter(
            "tagstream_batch_culprits", "Images rejected because they fail alone on a device that works"
        )

    def update(self, statistics: BatchStatistics, *, intake: int) -> None:
        """Show the batcher as it stands, and count what it did since the last time."""
        self._size_limit.set(statistics.ceiling)
        self._intake.set(statistics.waiting + statistics.in_forward)
        self._intake_limit.set(intake)
        self._at_door.set(statistics.held_back)
        self._dropped.inc(_since(self._last_dropped, statistics.dropped))
        self._last_dropped = statistics.dropped
        self._count(statistics.device)

    def _count(self, tally: DeviceTally) -> None:
        last, self._last = self._last, tally
        self._failed.inc(_since(last.failed_forwards if last else 0, tally.failed_forwards))
        self._memory.inc(_since(last.out_of_memory if last else 0, tally.out_of_memory))
        self._culprits.inc(_since(last.bad_items if last else 0, tally.bad_items))
        before = dict(enumerate(last.sizes)) if last else {}
        for size, count in enumerate(tally.sizes):
            for _ in range(_since(before.get(size, 0), count)):
                self._sizes.observe(size)


class LoadingMetrics:
    """Encoded photographs in memory."""

    def __init__(self, make: Instruments) -> None:
        self.images = make.gauge("tagstream_loading", "Images whose encoded bytes are in memory")
        self.limit = make.gauge("tagstream_loading_limit", "The bound of TAGSTREAM_DECODE__LOADING")
        self._bytes = make.gauge("tagstream_fetch_in_flight_bytes", "Bytes of objects being read")
        self._bytes_limit = make.gauge(
            "tagstream_fetch_in_flight_limit_bytes", "The bound of TAGSTREAM_S3__BYTES_IN_FLIGHT"
        )
        self._waiting = make.gauge(
            "tagstream_fetch_waiting", "Objects that wait for their share of the bytes"
        )

    def update(self, budget: ByteSemaphore) -> None:
        """Show the fetch budget as it stands."""
        self._bytes.set(budget.in_use)
        self._bytes_limit.set(budget.limit)
        self._waiting.set(budget.waiting)


class Switches:
    """Things that are on or off, by name: 1 or 0."""

    def __init__(self, make: Instruments, name: str, meaning: str, *, label: str) -> None:
        self._levels = make.levels(name, meaning, [label])

    def update(self, states: Mapping[str, bool]) -> None:
        """Show exactly these."""
        self._levels.replace({(name,): float(on) for name, on in states.items()})


class LagMetrics:
    """How far behind the topics' ends the commits are."""

    def __init__(self, make: Instruments) -> None:
        self._lag = make.levels(
            "tagstream_committed_lag",
            "Messages from the committed offset to the end of the partition",
            ["topic", "partition"],
        )

    def update(self, lags: Mapping[Partition, int]) -> None:
        """Show exactly these partitions."""
        self._lag.replace(_by_partition(lags))


def _by_partition(values: Mapping[Partition, int]) -> dict[tuple[str, ...], float]:
    return {(partition.topic, str(partition.number)): value for partition, value in values.items()}


def _since(before: int, now: int) -> int:
    """What was counted since; a count that fell is a new batcher's, which began at nothing."""
    return now - before if now >= before else now
