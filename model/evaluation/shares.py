"""Figures with confidence intervals: shares of counted photographs, and values by resampling."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from math import sqrt

from pydantic import JsonValue

Z = 1.96
"""Of a 95 % interval."""

Interval = tuple[float, float]
"""Lower and upper end, of 95 %."""

DECIMALS = 4
NOTHING = "-"
"""What is shown of a share of no photographs, and of a figure that is not defined."""


@dataclass(frozen=True, slots=True)
class Share:
    """`hits` of `of`, with Wilson's score interval, which also holds near 0 and 1."""

    hits: int
    of: int
    resampled: Interval | None = field(default=None, compare=False)
    """By the bootstrap over sources, where they are known: photographs of one source are not independent, and
    Wilson's interval, which takes them for that, is then too narrow."""

    @property
    def is_defined(self) -> bool:
        """Whether there was anything to hit."""
        return self.of > 0

    @property
    def value(self) -> float:
        """0 where there was nothing to hit."""
        return self.hits / self.of if self.of else 0.0

    @property
    def interval(self) -> Interval:
        """Lower and upper end; all of [0, 1] where there was nothing to hit."""
        if not self.of:
            return (0.0, 1.0)
        n, p = self.of, self.value
        middle = (p + Z**2 / (2 * n)) / (1 + Z**2 / n)
        half = Z / (1 + Z**2 / n) * sqrt(p * (1 - p) / n + Z**2 / (4 * n**2))
        return (max(0.0, min(p, middle - half)), min(1.0, max(p, middle + half)))

    @property
    def shown_interval(self) -> Interval:
        """The one that is shown where there is room for one: over sources, where they are known.

        Where nothing is wrong resampling finds nothing wrong, and Wilson's says how far to believe that.
        """
        return self.resampled if self.resampled and self.resampled[0] < self.resampled[1] else self.interval

    def __str__(self) -> str:
        if not self.of:
            return NOTHING
        low, high = self.interval
        counted = f"{self.value:.1%} ({self.hits}/{self.of}; {low:.1%} to {high:.1%})"
        if self.resampled is None:
            return counted
        low, high = self.resampled
        return f"{counted}; {low:.1%} to {high:.1%} over sources"

    def as_json(self) -> dict[str, JsonValue]:
        """Value, counts and interval, null where there was nothing to hit; `bootstrap` by sources."""
        document: dict[str, JsonValue] = {
            "value": round(self.value, DECIMALS) if self.of else None,
            "hits": self.hits,
            "of": self.of,
            "interval": _rounded(self.interval),
        }
        return document if self.resampled is None else {**document, "bootstrap": _rounded(self.resampled)}


@dataclass(frozen=True, slots=True)
class Figure:
    """A value that is no plain share, over `of` photographs, with its bootstrap interval."""

    value: float
    """NaN where it is not defined: a label of which there is no photograph."""
    of: int
    interval: Interval

    @property
    def is_defined(self) -> bool:
        """Whether there was anything to take it of."""
        return self.of > 0 and not math.isnan(self.value)

    def __str__(self) -> str:
        if not self.is_defined:
            return NOTHING
        low, high = self.interval
        return f"{self.value:.3f} ({low:.3f} to {high:.3f})"

    def as_json(self) -> dict[str, JsonValue]:
        """Value, count and interval; the value null where it is not defined."""
        value = round(self.value, DECIMALS) if self.is_defined else None
        return {"value": value, "of": self.of, "interval": _rounded(self.interval)}


def holding(interval: Interval, value: float) -> Interval:
    """`interval` with `value` in it: percentiles of few sources may leave out what was measured."""
    low, high = interval
    return interval if math.isnan(value) or math.isnan(low) else (min(low, value), max(high, value))


def number(value: float) -> float | None:
    """For JSON, which has no NaN."""
    return None if math.isnan(value) else round(value, DECIMALS)


def _rounded(interval: Interval) -> list[JsonValue]:
    return [number(end) for end in interval]
