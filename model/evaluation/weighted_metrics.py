"""Weighted metrics, for the bootstrap: with all weights 1, as `value` takes it, each is the figure itself.

The tests hold them against torchmetrics.

`hits`, `among`, `truth` are bool (N,), `scores` float64 (N,); each function returns a `Statistic`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil, nan
from typing import Final

import torch
from torch import Tensor

from model.evaluation.bootstrap_intervals import Bootstrap, Statistic
from model.evaluation.shares import Figure, holding

ROUNDING: Final = 1e-9
"""By which a recall may fall short of the one that was asked for: 0.97 of 100 is 97."""


def value(statistic: Statistic, *, of: int) -> Tensor:
    """The figure itself, float64 (k,), of `of` photographs."""
    return statistic(torch.ones(1, of, dtype=torch.float64)).view(-1)


def figure(statistic: Statistic, bootstrap: Bootstrap, *, of: int) -> Figure:
    """A statistic of one value over `of` photographs, with its interval."""
    whole = float(value(statistic, of=len(bootstrap.members)))
    return Figure(whole, of=of, interval=holding(bootstrap.interval(statistic), whole))


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


def average_precision(scores: Tensor, true: Tensor, counted: Tensor) -> Statistic:
    """Of each column, (N, k): the area under the steps of precision over recall, equal scores one step.

    What is outside `counted`, bool (N, k), is left out.
    """
    return side_by_side(
        [_average_precision(scores[:, i], true[:, i], counted[:, i]) for i in range(scores.shape[1])]
    )


def precision_at_recall(scores: Tensor, true: Tensor, counted: Tensor, *, recall: float) -> Statistic:
    """Of each column, (N, k): at the highest threshold at which `recall` of the true ones is found.

    What is outside `counted`, bool (N, k), is left out; equal scores are one step.
    """
    return side_by_side(
        [
            _precision_at_recall(scores[:, i], true[:, i], counted[:, i], recall=recall)
            for i in range(scores.shape[1])
        ]
    )


def side_by_side(columns: Sequence[Statistic]) -> Statistic:
    """Statistics of one value each as one of a column each."""
    return lambda weights: torch.stack([column(weights) for column in columns], dim=1)


def column(statistic: Statistic, place: int) -> Statistic:
    """One column of several."""
    return lambda weights: statistic(weights)[:, place]


def _precision_at_recall(scores: Tensor, truth: Tensor, counted: Tensor, *, recall: float) -> Statistic:
    if not (truth & counted).any():
        return _undefined
    found_and_seen = _cumulated(scores, truth, counted)

    def statistic(weights: Tensor) -> Tensor:
        found, seen = found_and_seen(weights)
        total = found[:, -1:]
        first = (found >= recall * total - ROUNDING).double().argmax(1, keepdim=True)
        precision = found.gather(1, first) / seen.gather(1, first)
        return precision.where(total > 0, nan)[:, 0]

    return statistic


def _undefined(weights: Tensor) -> Tensor:
    return weights.new_full((len(weights),), nan)


def threshold_at_recall(scores: Tensor, true: Tensor, *, recall: float) -> float:
    """The highest at which `recall` of the true ones, of one label, is found; NaN where none is true."""
    found = scores[true].sort(descending=True).values
    return float(found[max(1, ceil(recall * len(found) - ROUNDING)) - 1]) if len(found) else nan


def _average_precision(scores: Tensor, truth: Tensor, counted: Tensor) -> Statistic:
    if not (truth & counted).any():
        return _undefined
    found_and_seen = _cumulated(scores, truth, counted)

    def statistic(weights: Tensor) -> Tensor:
        found, seen = found_and_seen(weights)
        precision = found / seen.clamp(min=1e-12)
        steps = found.diff(dim=1, prepend=torch.zeros(len(found), 1, dtype=found.dtype))
        return (precision * steps).sum(1) / found[:, -1]

    return statistic


def precision_recall(scores: Tensor, truth: Tensor, counted: Tensor) -> tuple[Tensor, Tensor]:
    """Precision and recall (points,) each, of one label, from the lowest threshold to beyond the highest."""
    once = torch.ones(1, len(scores), dtype=torch.float64)
    found, seen = (each[0].flip(0) for each in _cumulated(scores, truth, counted)(once))
    return torch.cat([found / seen, torch.ones(1)]), torch.cat([found / found[0], torch.zeros(1)])


def _cumulated(scores: Tensor, truth: Tensor, counted: Tensor) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    """Of weights: those of true photographs and of all, from the highest score down, equals one step."""
    places = counted.nonzero()[:, 0]
    order = places[scores[places].argsort(descending=True, stable=True)]
    ordered, true = scores[order], truth[order].double()
    ends = torch.cat([ordered[1:] != ordered[:-1], torch.ones(1, dtype=torch.bool)])

    def cumulated(weights: Tensor) -> tuple[Tensor, Tensor]:
        drawn = weights[:, order]
        return (drawn * true).cumsum(1)[:, ends], drawn.cumsum(1)[:, ends]

    return cumulated


def confusion(tops: Tensor, mains: Tensor, *, classes: int) -> Tensor:
    """Int (classes, classes): rows the class that is right, columns the answer."""
    return torch.bincount(mains * classes + tops, minlength=classes**2).view(classes, classes)


def calibration_error(weight: Tensor, probability: Tensor, truth: Tensor) -> Statistic:
    """From what each photograph (N, bins) adds to each bin: how many, their probabilities, their truths."""

    def statistic(weights: Tensor) -> Tensor:
        gaps = (weights @ probability - weights @ truth).abs().sum(1)
        return gaps / (weights @ weight).sum(1)

    return statistic


def difference(one: Statistic, other: Statistic) -> Statistic:
    """Of two figures over the same resamples."""
    return lambda weights: one(weights) - other(weights)
