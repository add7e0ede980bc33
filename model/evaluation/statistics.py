"""The figures as functions of weights, for the bootstrap: with all weights 1 each is the figure itself.

`hits`, `among`, `truth` are bool (N,), `scores` float64 (N,); each function returns a `Statistic`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from model.evaluation.bootstrap_intervals import Statistic


def share(hits: Tensor, among: Tensor) -> Statistic:
    """The share of `among` that are `hits`."""
    return ratio((hits & among).double(), among.double())


def mean(values: Tensor, among: Tensor) -> Statistic:
    """The mean of `values`, float (N,), over `among`."""
    return ratio(torch.where(among, values, 0).double(), among.double())


def ratio(above: Tensor, below: Tensor) -> Statistic:
    """One weighted sum over another, float (N,) or (N, k) each; NaN where the lower one is 0."""
    return lambda weights: (weights @ above) / (weights @ below)


def f1(tagged: Tensor, true: Tensor) -> Statistic:
    """Of the tags, bool (N, k) each: 2 TP / (tagged + true), a column a label."""
    return ratio(2.0 * (tagged & true).double(), tagged.double() + true.double())


def macro(statistic: Statistic) -> Statistic:
    """The mean over a statistic's columns, those without a value left out."""
    return lambda weights: statistic(weights).nanmean(1)


def average_precision(scores: Tensor, true: Tensor) -> Statistic:
    """Of each column, (N, k): the area under the steps of precision over recall, equal scores one step."""
    columns = [_average_precision(scores[:, i], true[:, i]) for i in range(scores.shape[1])]
    return lambda weights: torch.stack([column(weights) for column in columns], dim=1)


def _average_precision(scores: Tensor, truth: Tensor) -> Statistic:
    order = scores.argsort(descending=True, stable=True)
    ordered, true = scores[order], truth[order].double()
    ends = torch.cat([ordered[1:] != ordered[:-1], torch.ones(1, dtype=torch.bool)])

    def statistic(weights: Tensor) -> Tensor:
        drawn = weights[:, order]
        found, seen = (drawn * true).cumsum(1)[:, ends], drawn.cumsum(1)[:, ends]
        precision = found / seen.clamp(min=1e-12)
        steps = found.diff(dim=1, prepend=torch.zeros(len(found), 1, dtype=found.dtype))
        return (precision * steps).sum(1) / found[:, -1]

    return statistic


def calibration_error(weight: Tensor, probability: Tensor, truth: Tensor) -> Statistic:
    """From what each photograph (N, bins) adds to each bin: how many, their probabilities, their truths."""

    def statistic(weights: Tensor) -> Tensor:
        gaps = (weights @ probability - weights @ truth).abs().sum(1)
        return gaps / (weights @ weight).sum(1)

    return statistic


def difference(one: Statistic, other: Statistic) -> Statistic:
    """Of two figures over the same resamples."""
    return lambda weights: one(weights) - other(weights)
