"""Significance of two versions' difference: McNemar's test, the pooled z test, a figure of both."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb, erfc, isnan, sqrt
from typing import Final

from pydantic import JsonValue

from model.evaluation.shares import DECIMALS, Interval, number

EXACT: Final = 1000
"""Discordant photographs up to which the binomial is summed; the normal distribution is as good beyond."""


@dataclass(frozen=True, slots=True)
class Paired:
    """Of `of` photographs, those that one version alone gets right."""

    only_a: int
    only_b: int
    of: int

    @property
    def p(self) -> float:
        """McNemar's, two-sided: how often chance alone makes two equally good versions differ as much."""
        return min(1.0, 2 * self._tail(min(self.only_a, self.only_b)))

    @property
    def p_worse(self) -> float:
        """McNemar's, one-sided: how often chance alone makes B lose as much, were it as good as A."""
        return self._tail(self.only_b)

    def _tail(self, least: int) -> float:
        """How often chance gives one side no more than `least`: exact, then with Edwards' correction."""
        discordant = self.only_a + self.only_b
        if discordant > EXACT:
            return _upper_tail((discordant - 2 * least - 1) / sqrt(discordant))
        ways: int = sum(comb(discordant, k) for k in range(least + 1))
        return ways / (1 << discordant)

    @property
    def difference(self) -> float:
        """The share that is right, B less A."""
        return (self.only_b - self.only_a) / self.of if self.of else 0.0

    def as_json(self) -> dict[str, JsonValue]:
        """Counts, p and difference."""
        return {
            "only_a": self.only_a,
            "only_b": self.only_b,
            "of": self.of,
            "p": round(self.p, 6),
            "difference": round(self.difference, DECIMALS),
        }


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure of A and of B, and B less A with its interval."""

    a: float
    b: float
    interval: Interval

    @property
    def value(self) -> float:
        """B less A; NaN where one of them is not defined."""
        return self.b - self.a

    @property
    def is_defined(self) -> bool:
        """Whether both have the figure: without negatives nothing is said of them."""
        return not isnan(self.value)

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves 0 out."""
        return self.interval[0] > 0 or self.interval[1] < 0

    def as_json(self) -> dict[str, JsonValue]:
        """Both, the difference and its interval; null where it is not defined."""
        values = {"a": self.a, "b": self.b, "difference": self.value}
        document: dict[str, JsonValue] = {name: number(value) for name, value in values.items()}
        return {**document, "interval": [number(end) for end in self.interval]}


def unpaired(before: tuple[float, int], after: tuple[float, int]) -> float:
    """The pooled z test of two shares, one-sided: each a value in [0, 1] over so many photographs.

    For a mean of values in [0, 1], which no share is, it is conservative: their variance is at most
    that of a share (Bhatia and Davis 2000). So it is for two versions on the same photographs, whose
    hits go together.
    """
    (p, n), (q, m) = before, after
    if not n or not m:
        return 1.0
    pooled = (p * n + q * m) / (n + m)
    spread = sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    return _upper_tail((p - q) / spread) if spread else 1.0


def _upper_tail(z: float) -> float:
    return erfc(z / sqrt(2)) / 2
