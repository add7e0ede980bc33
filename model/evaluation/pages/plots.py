"""Plot geometry: points in the units of an SVG whose axes both go from 0 to 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Final

import torch
from torch import Tensor

from model.evaluation import weighted_metrics
from model.evaluation.predictions import Predictions
from model.evaluation.reliability import Reliability
from model.evaluation.report import Report

WIDTH: Final = 320
HEIGHT: Final = 236
LEFT: Final = 38
RIGHT: Final = 14
TOP: Final = 14
BOTTOM: Final = 34
TICKS: Final = (0.0, 0.25, 0.5, 0.75, 1.0)
POINTS: Final = 240
"""Of a curve; more cannot be seen."""
BARS: Final = 25
LARGEST: Final = 11
"""Radius of the bin that holds everything."""


def x(value: float) -> float:
    """From the left."""
    return round(LEFT + (WIDTH - LEFT - RIGHT) * value, 1)


def y(value: float) -> float:
    """From the top."""
    return round(TOP + (HEIGHT - TOP - BOTTOM) * (1 - value), 1)


@dataclass(frozen=True, slots=True)
class Curve:
    """Precision over recall of one label, and where its threshold stands."""

    label: str
    path: str
    """The points of a polyline; nothing where the label is true of no photograph."""
    recall: float
    precision: float
    threshold: float


@dataclass(frozen=True, slots=True)
class ReliabilityDot:
    """One bin of a reliability diagram."""

    x: float
    y: float
    radius: float
    title: str


@dataclass(frozen=True, slots=True)
class HistogramBar:
    """One bar of a histogram: its left edge, how far up and down it goes, and what it holds."""

    left: float
    up: float
    down: float
    title: str


@dataclass(frozen=True, slots=True)
class Histogram:
    """The probabilities of one label: true above the line, false below."""

    label: str
    bars: tuple[HistogramBar, ...]
    threshold: float
    true: int
    false: int


def curves(predictions: Predictions, report: Report) -> tuple[Curve, ...]:
    """One a label."""
    return tuple(
        Curve(
            label,
            _path(predictions.probabilities[:, i], predictions.targets[:, i], predictions.counted[:, i]),
            recall=report.tag_recall[label].value,
            precision=report.tag_precision[label].value,
            threshold=predictions.thresholds[label],
        )
        for i, label in enumerate(predictions.labels)
    )


def reliabilities(report: Report) -> tuple[tuple[str, tuple[ReliabilityDot, ...], str], ...]:
    """Of which probability, its dots, its error."""
    pooled = ("every label, pooled" if len(report.labels) > 1 else "the label", report.tags)
    shown = (pooled,) if report.task == "binary" else (pooled, ("the top label", report.tops))
    return tuple((name, dots(each), str(each.error)) for name, each in shown)


def dots(reliability: Reliability) -> tuple[ReliabilityDot, ...]:
    """One a bin that holds anything; its area says how much."""
    most = max(1, reliability.error.of)
    return tuple(
        ReliabilityDot(
            x(each.probability),
            y(each.share),
            radius=round(2 + LARGEST * sqrt(each.of / most), 1),
            title=f"said {each.probability:.2f}, true {each.share:.2f}: {each.of}",
        )
        for each in reliability.bins
        if each.of
    )


def histograms(predictions: Predictions) -> tuple[Histogram, ...]:
    """One a label, negatives among the false."""
    return tuple(
        _histogram(
            label,
            predictions.probabilities[predictions.counted[:, i], i],
            predictions.targets[predictions.counted[:, i], i],
            threshold=predictions.thresholds[label],
        )
        for i, label in enumerate(predictions.labels)
    )


def _path(scores: Tensor, truth: Tensor, counted: Tensor) -> str:
    if not truth.any():
        return ""
    precision, recall = weighted_metrics.precision_recall(scores, truth, counted)
    pairs = list(
        dict.fromkeys((x(r), y(p)) for p, r in zip(precision.tolist(), recall.tolist(), strict=True))
    )
    return " ".join(f"{at},{height}" for at, height in thinned(pairs))


def thinned(points: Sequence[tuple[float, float]]) -> Sequence[tuple[float, float]]:
    """At most about `POINTS` of them, the last one among them."""
    step = max(1, len(points) // POINTS)
    return [*points[::step], points[-1]] if step > 1 else points


def _histogram(label: str, scores: Tensor, truth: Tensor, *, threshold: float) -> Histogram:
    places = (scores * BARS).long().clamp(0, BARS - 1)
    true, false = (torch.bincount(places[chosen], minlength=BARS).tolist() for chosen in (truth, ~truth))
    most = max(1, *true, *false)
    half = (HEIGHT - TOP - BOTTOM) / 2
    bars = tuple(
        HistogramBar(
            x(i / BARS),
            up=round(half * sqrt(true[i] / most), 1),
            down=round(half * sqrt(false[i] / most), 1),
            title=f"{i / BARS:.2f} to {(i + 1) / BARS:.2f}: {true[i]} true, {false[i]} false",
        )
        for i in range(BARS)
        if true[i] or false[i]
    )
    return Histogram(label, bars, threshold, true=sum(true), false=sum(false))
