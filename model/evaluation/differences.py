"""What two versions differ in: photographs that one alone gets right, and a figure of both."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb, erfc, isnan, sqrt
from typing import Final

from pydantic import JsonValue

from model.evaluation.shares import DECIMALS, Interval

EXACT: Final = 1000
"""Discordant photographs up to which the binomial is summed; the chi-square is as good beyond."""


@dataclass(frozen=True, slots=True)
class Paired:
    """Of `of` photographs, those that one version alone gets right."""

    only_a: int
    only_b: int
    of: int

    @property
    def p(self) -> float:
        """McNemar's, two-sided: exact, beyond `EXACT` the chi-square with Edwards' correction."""
        discordant, fewer = self.only_a + self.only_b, min(self.only_a, self.only_b)
        if discordant > EXACT:
            square = max(0, abs(self.only_a - self.only_b) - 1) ** 2 / discordant
            return erfc(sqrt(square / 2))
        tail: int = sum(comb(discordant, k) for k in range(fewer + 1))
        return min(1.0, 2 * tail / (1 << discordant))

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
        numbers = {"a": self.a, "b": self.b, "difference": self.value}
        document: dict[str, JsonValue] = {name: _number(number) for name, number in numbers.items()}
        return {**document, "interval": [_number(end) for end in self.interval]}


def _number(number: float) -> JsonValue:
    return None if isnan(number) else round(number, DECIMALS)
