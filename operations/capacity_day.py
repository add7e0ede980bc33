"""Day of uploads: photographs a second by the hour, of a given number a day and a given peak."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

HOUR: Final = 3600.0
DAY: Final = 24 * HOUR

RESTAURANTS: Final = (
    *(2.0, 1.0, 0.6, 0.4, 0.4, 0.8, 2.0, 4.0, 6.0, 7.0, 8.0, 13.0),
    *(22.0, 23.0, 15.0, 9.0, 8.0, 10.0, 17.0, 26.0, 29.0, 24.0, 13.0, 6.0),
)
"""Shares of the hours, with a peak at lunch and a higher one at dinner: drawn, not measured."""

_STEPS: Final = 60
"""Of a bisection: finer than a float."""
_SHARPEST: Final = 64.0
"""The exponent that leaves the busiest hour nearly alone."""


def natural_peak(shape: Sequence[float] = RESTAURANTS) -> float:
    """The busiest hour beside the mean one."""
    return max(shape) * len(shape) / sum(shape)


def most_peak(shape: Sequence[float] = RESTAURANTS) -> float:
    """As pointed as the shape can be made."""
    return natural_peak(_sharpened(shape, _SHARPEST))


def hours(a_day: float, peak: float | None = None, shape: Sequence[float] = RESTAURANTS) -> list[float]:
    """Photographs a second of each hour; the busiest has `peak` times the mean, as the shape has if None.

    Flatter and more pointed shapes are powers of the given one: none has a negative hour. Raises `ValueError`
    for a peak that none of them has.
    """
    sharp = shape if peak is None else _sharpened(shape, _exponent(shape, peak))
    scale = a_day / DAY * len(shape) / sum(sharp)
    return [share * scale for share in sharp]


def _exponent(shape: Sequence[float], peak: float) -> float:
    if not 1 <= peak <= most_peak(shape):
        raise ValueError(
            f"a peak of {peak:g} times the mean: from 1 to {most_peak(shape):.1f} there is a day"
        )
    low, high = 0.0, _SHARPEST
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if natural_peak(_sharpened(shape, middle)) < peak:
            low = middle
        else:
            high = middle
    return high


def _sharpened(shape: Sequence[float], exponent: float) -> list[float]:
    most = max(shape)
    return [(share / most) ** exponent for share in shape]
