"""Generalisation gap: metrics on the training split minus metrics on the test split."""

from __future__ import annotations

from collections.abc import Mapping
from math import nan

import torch

from model.evaluation import weighted_metrics
from model.evaluation.bootstrap_intervals import Bootstrap
from model.evaluation.comparison import statistics_of
from model.evaluation.differences import Difference
from model.evaluation.predictions import Predictions

SEEDS = (0, 1)
"""Of the two bootstraps: the splits have different photographs, and are drawn apart."""


def gap(predictions: Predictions, against: Predictions) -> Mapping[str, Difference]:
    """For each figure `predictions`'s as A, `against`'s as B, and B less A: positive where B is higher."""
    whole, drawn = [], []
    for each, seed in zip((predictions, against), SEEDS, strict=True):
        figures = statistics_of(each)
        bootstrap = Bootstrap.of(each.photographs, seed=seed)
        whole.append(
            {
                name: float(weighted_metrics.value(statistic, of=len(each)))
                for name, statistic in figures.items()
            }
        )
        drawn.append({name: bootstrap.drawn(statistic)[:, 0] for name, statistic in figures.items()})
    return {
        name: Difference(a, whole[1][name], interval=_interval(drawn[1][name] - drawn[0][name]))
        for name, a in whole[0].items()
    }


def _interval(differences: torch.Tensor) -> tuple[float, float]:
    if differences.isnan().all():
        return (nan, nan)
    low, high = torch.nanquantile(differences, torch.tensor([0.025, 0.975], dtype=differences.dtype)).tolist()
    return (low, high)
