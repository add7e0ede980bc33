"""Whether fewer hits than before can be chance; one-sided, since only a fall is refused."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb, erfc, sqrt
from typing import Final

_EXACT: Final = 1000
"""Photographs up to which the binomial tail is summed; beyond, the normal distribution is as good."""


@dataclass(frozen=True, slots=True)
class Pair:
    """The photographs on which two versions differ."""

    lost: int
    """On which the champion alone was right."""
    gained: int
    """On which the candidate alone was."""


def paired(pair: Pair) -> float:
    """McNemar's exact test: how often chance alone loses as many, of those on which the two differ."""
    differ = pair.lost + pair.gained
    if differ > _EXACT:
        return _upper_tail((pair.lost - pair.gained - 1) / sqrt(differ))
    ways: int = sum(comb(differ, lost) for lost in range(pair.lost, differ + 1))
    return ways / (1 << differ)


def unpaired(before: tuple[float, int], after: tuple[float, int]) -> float:
    """The pooled z test of two shares, each a value in [0, 1] over so many photographs.

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
