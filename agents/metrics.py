"""What a worker counts and times, in base units, for Prometheus."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Histogram

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """The instruments of one worker, in a registry of their own."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self.stages = Histogram(
            "tagstream_stage_seconds",
            "Time that one image spent in a stage",
            ["stage"],
            registry=self.registry,
            buckets=_SECONDS,
        )
        self.outcomes = Counter(
            "tagstream_outcomes", "How messages ended", ["outcome"], registry=self.registry
        )
        self.dead_letters = Counter(
            "tagstream_dead_letters", "Dead letters by cause", ["cause"], registry=self.registry
        )
        self.batches = Histogram(
            "tagstream_batch_size", "Images in a forward", registry=self.registry, buckets=_SIZES
        )
        self.homeless = Counter(
            "tagstream_images_without_restaurant",
            "Collection tags that belong to no restaurant's page",
            registry=self.registry,
        )


class Stopwatch:
    """Seconds that one image spends in each stage; every stage is observed when it ends."""

    def __init__(self, metrics: Metrics) -> None:
        self.seconds: dict[str, float] = {}
        self._metrics = metrics

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time the block as the stage `name`, also when it raises."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.note(name, time.perf_counter() - started)

    def note(self, name: str, seconds: float) -> None:
        """Add `seconds`, measured elsewhere, to the stage `name`."""
        self.seconds[name] = round(self.seconds.get(name, 0.0) + seconds, 6)
        self._metrics.stages.labels(name).observe(seconds)
