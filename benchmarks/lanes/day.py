"""Arrivals of a day: a Poisson process whose rate follows the hour, or evenly spaced, as an open loop's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from operations.capacity_day import HOUR

Times = NDArray[np.float64]


def poisson(hours: Sequence[float], seed: int) -> Times:
    """Seconds from midnight at which photographs come, with so many a second in each of the hours."""
    draws = np.random.default_rng(seed)
    parts = []
    for number, rate in enumerate(hours):
        count = draws.poisson(rate * HOUR)
        parts.append(np.sort(draws.uniform(number * HOUR, (number + 1) * HOUR, count)))
    return np.concatenate(parts) if parts else np.empty(0)


def even(rate: float, seconds: float) -> Times:
    """As `tagstream stress` publishes: each at its time."""
    return np.arange(round(rate * seconds)) / rate
