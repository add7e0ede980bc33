"""Calibration error: whether a probability of 0.8 is right in 8 of 10 cases.

The expected calibration error (Naeini et al. 2015; Guo et al. 2017): probabilities fall into 15 bins of equal
width; in each bin the gap between the mean probability and the share that was right; their mean, weighted by
the bins. It is taken of each label's probability against whether the label is true, negatives among the
photographs, and on photographs of several tags alone; and over photographs that have tags of every label's
probability, pooled, and of the top label's, against whether the top label is one of the true ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from pydantic import JsonValue
from torch import Tensor

from model.evaluation import weighted_metrics
from model.evaluation.bootstrap_intervals import Bootstrap, Statistic
from model.evaluation.shares import DECIMALS, Figure

BINS: Final = 15


@dataclass(frozen=True, slots=True)
class Bin:
    """The probabilities from `low` to below `high`."""

    low: float
    high: float
    of: int
    probability: float
    """Their mean; 0 where there are none."""
    share: float
    """Of them, those that were right."""

    def as_json(self) -> JsonValue:
        """Edges, count, mean probability and share."""
        return {
            "from": round(self.low, DECIMALS),
            "to": round(self.high, DECIMALS),
            "of": self.of,
            "probability": round(self.probability, DECIMALS),
            "share": round(self.share, DECIMALS),
        }


@dataclass(frozen=True, slots=True)
class Reliability:
    """The bins and their error."""

    error: Figure
    bins: tuple[Bin, ...]


def reliability(
    probabilities: Tensor, truths: Tensor, *, counted: Tensor, bootstrap: Bootstrap
) -> Reliability:
    """Of float (N, k) against bool (N, k), what is outside `counted`, bool (N, k), left out."""
    count, probability, true = _sums(probabilities, truths, counted=counted)
    statistic = error(probabilities, truths, counted=counted)
    figure = weighted_metrics.figure(statistic, bootstrap, of=int(count.sum()))
    return Reliability(figure, _bins(count.sum(0), probability.sum(0), true.sum(0)))


def error(probabilities: Tensor, truths: Tensor, *, counted: Tensor) -> Statistic:
    """The calibration error, pooled; NaN where nothing is counted."""
    return weighted_metrics.calibration_error(*_sums(probabilities, truths, counted=counted))


def errors(probabilities: Tensor, truths: Tensor, *, counted: Tensor) -> Statistic:
    """The calibration error of each column."""
    return weighted_metrics.side_by_side(
        [
            error(probabilities[:, [i]], truths[:, [i]], counted=counted[:, [i]])
            for i in range(probabilities.shape[1])
        ]
    )


def _sums(probabilities: Tensor, truths: Tensor, *, counted: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What each photograph adds to each bin, float64 (N, BINS): how many, probabilities, truths."""
    inner = torch.linspace(0, 1, BINS + 1, dtype=probabilities.dtype)[1:-1]
    places = torch.bucketize(probabilities.contiguous(), inner, right=True)
    weights = counted.double()

    def added(values: Tensor) -> Tensor:
        return torch.zeros(len(values), BINS, dtype=torch.float64).scatter_add_(1, places, values * weights)

    return added(torch.ones_like(weights)), added(probabilities.double()), added(truths.double())


def _bins(count: Tensor, probability: Tensor, true: Tensor) -> tuple[Bin, ...]:
    most = count.clamp(min=1)
    columns = zip(count.tolist(), (probability / most).tolist(), (true / most).tolist(), strict=True)
    return tuple(
        Bin(i / BINS, (i + 1) / BINS, int(n), mean, share) for i, (n, mean, share) in enumerate(columns)
    )
