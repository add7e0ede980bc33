"""Instrument factory: counters, gauges and histograms, and the list of all that were made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info

SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
"""Buckets for what a machine waits for."""

_MINUTE: Final = 60.0
_HOUR: Final = 3_600.0
_DAY: Final = 86_400.0
PATIENCE: Final = (
    *(n * _MINUTE for n in (1, 5, 15, 30)),
    *(n * _HOUR for n in (1, 2, 4, 8)),
    *(n * _DAY for n in (1, 2, 3, 7)),
)
"""Buckets, a minute to a week, for what a person is waited for."""

SIZES: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256)
"""Buckets for images in a batch."""


@dataclass(frozen=True, slots=True)
class Instrument:
    """One metric as `/metrics` shows it."""

    name: str
    type: str
    labels: tuple[str, ...]
    help: str


class Levels:
    """A gauge with labels of which the whole is replaced: what is not named any more is shown no more."""

    def __init__(self, gauge: Gauge) -> None:
        self._gauge = gauge
        self._shown: set[tuple[str, ...]] = set()

    def replace(self, values: Mapping[tuple[str, ...], float]) -> None:
        """Show exactly `values`, by the values of the labels."""
        # Not clear() and set again: a scrape in between would see half of it.
        for labels, value in values.items():
            self._gauge.labels(*labels).set(value)
        for gone in self._shown - values.keys():
            self._gauge.remove(*gone)
        self._shown = set(values)


class Instruments:
    """Makes instruments in one registry, and remembers what it made."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._made: list[Instrument] = []

    def describe(self) -> tuple[Instrument, ...]:
        """All that were made, by name."""
        return tuple(sorted(self._made, key=lambda made: made.name))

    def counter(self, name: str, meaning: str, labels: Sequence[str] = ()) -> Counter:
        """What only grows; it is shown with `_total` behind its name."""
        self._note(f"{name}_total", "counter", meaning, labels)
        return Counter(name, meaning, labels, registry=self._registry)

    def gauge(self, name: str, meaning: str, labels: Sequence[str] = ()) -> Gauge:
        """What goes up and down."""
        self._note(name, "gauge", meaning, labels)
        return Gauge(name, meaning, labels, registry=self._registry)

    def levels(self, name: str, meaning: str, labels: Sequence[str]) -> Levels:
        """What goes up and down, one of each combination of labels that there is now."""
        return Levels(self.gauge(name, meaning, labels))

    def histogram(
        self, name: str, meaning: str, labels: Sequence[str] = (), *, buckets: Sequence[float] = SECONDS
    ) -> Histogram:
        """What is looked at by its distribution."""
        self._note(name, "histogram", meaning, labels)
        return Histogram(name, meaning, labels, registry=self._registry, buckets=buckets)

    def info(self, name: str, meaning: str, labels: Sequence[str]) -> Info:
        """Facts, as the labels of a gauge that is 1; it is shown with `_info` behind its name."""
        self._note(f"{name}_info", "gauge", meaning, labels)
        return Info(name, meaning, registry=self._registry)

    def _note(self, name: str, kind: str, meaning: str, labels: Sequence[str] = ()) -> None:
        self._made.append(Instrument(name, kind, tuple(labels), meaning))
