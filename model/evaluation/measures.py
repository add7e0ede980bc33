"""Measures: every figure that two versions are compared by, as a function of weights, by the report's name.

The report takes its figures from here too: none is defined twice. How people read the names: `headings`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from torch import Tensor

from model.evaluation import outcomes, reliability, weighted_metrics
from model.evaluation.bootstrap_intervals import Statistic
from model.evaluation.predictions import Predictions

RECALL: Final = 0.97
"""Of `precision_at_recall`: what may slip through when people and menus are looked for."""
HIGHEST: Final = 5
"""Of `recall_at_5`."""


def overall(predictions: Predictions) -> Mapping[str, Statistic]:
    """Of the whole, one value each."""
    shares = {
        name: weighted_metrics.share(each.hits, each.among)
        for name, each in outcomes.overall(predictions).items()
    }
    return {
        **shares,
        "mean_average_precision": weighted_metrics.macro(_average_precision(predictions)),
        "f1_samples": weighted_metrics.mean(predictions.f1, predictions.known),
        "recall_at_5": weighted_metrics.mean(recall_at(predictions, HIGHEST), recalled(predictions)),
        "ece": reliability.error(
            predictions.probabilities, predictions.targets, counted=counted_and_known(predictions)
        ),
        "ece_top": reliability.error(
            predictions.confidence[:, None],
            predictions.top_true[:, None],
            counted=predictions.judged[:, None],
        ),
    }


def of_labels(predictions: Predictions) -> Mapping[str, Statistic]:
    """A column a label: what stands of its tag, then of it as the main one."""
    labels = [outcomes.of_label(predictions, place) for place in range(len(predictions.labels))]
    shares = {
        name: weighted_metrics.side_by_side(
            [weighted_metrics.share(label[name].hits, label[name].among) for label in labels]
        )
        for name in labels[0]
    }
    seen = predictions.probabilities, predictions.targets, predictions.counted
    return {
        **shares,
        "f1": weighted_metrics.f1(predictions.tagged & predictions.counted, predictions.targets),
        "precision_at_recall": weighted_metrics.precision_at_recall(*seen, recall=RECALL),
        "average_precision": _average_precision(predictions),
        "ece_label": reliability.errors(*seen[:2], counted=predictions.counted),
        "ece_label_mixed": reliability.errors(*seen[:2], counted=counted_and_several(predictions)),
    }


def recall_at(predictions: Predictions, k: int) -> Tensor:
    """Float64 (N,): of each photograph's true classes, those among its `k` highest."""
    best = predictions.scores.topk(min(k, predictions.scores.shape[1]), dim=1).indices
    found = predictions.answers.gather(1, best).sum(1)
    return found.double() / predictions.answers.sum(1).clamp(min=1)


def recalled(predictions: Predictions) -> Tensor:
    """Bool (N,): the photographs of `recall_at`."""
    return predictions.known & predictions.answers.any(1)


def counted_and_known(predictions: Predictions) -> Tensor:
    """Bool (N, labels): the verdicts on photographs that have tags."""
    return predictions.counted & predictions.known[:, None]


def counted_and_several(predictions: Predictions) -> Tensor:
    """Bool (N, labels): the verdicts on photographs of several tags."""
    return predictions.counted & predictions.several[:, None]


def thresholds_at_recall(predictions: Predictions) -> Mapping[str, float]:
    """By label, where `precision_at_recall` is taken; NaN for a label of which there is no photograph."""
    columns = zip(predictions.labels, predictions.probabilities.T, predictions.targets.T, strict=True)
    return {
        label: weighted_metrics.threshold_at_recall(scores, true, recall=RECALL)
        for label, scores, true in columns
    }


def _average_precision(predictions: Predictions) -> Statistic:
    return weighted_metrics.average_precision(
        predictions.probabilities, predictions.targets, predictions.counted
    )
