"""Report builder: every figure of a version's predictions, with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, nan
from typing import Final

import torch
from torch import Tensor

from model.evaluation import outcomes, weighted_metrics
from model.evaluation.bootstrap_intervals import Bootstrap, Statistic
from model.evaluation.outcomes import Counted
from model.evaluation.predictions import Predictions
from model.evaluation.reliability import reliability
from model.evaluation.report import Figures, Report, Shares
from model.evaluation.shares import Figure, Share, holding
from model.evaluation.slices import slices

COVERAGE: Final = 0.9
HIGHEST: Final = 5
"""Of `recall_at_5`."""


def report(predictions: Predictions, *, resamples: int = 1000) -> Report:
    """Every figure but the speed."""
    taking = Taking(predictions, Bootstrap.of(predictions.photographs, resamples=resamples))
    average_precision = weighted_metrics.average_precision(
        predictions.probabilities, predictions.targets, predictions.counted
    )
    top_accuracy, at_1, mixed, extra, negatives, covered = taking.overall()
    per_label = taking.per_label()
    return Report(
        task=predictions.task,
        labels=predictions.labels,
        classes=predictions.classes,
        photographs=int(predictions.known.sum()),
        negatives=int(predictions.none.sum()),
        unreadable=len(predictions.unreadable),
        top_accuracy=top_accuracy,
        precision=per_label[0],
        recall=per_label[1],
        tag_precision=per_label[2],
        tag_recall=per_label[3],
        f1=taking.by_label(
            weighted_metrics.f1(predictions.tagged & predictions.counted, predictions.targets), undefined=0.0
        ),
        average_precision=taking.by_label(average_precision),
        mean_average_precision=weighted_metrics.figure(
            weighted_metrics.macro(average_precision), taking.bootstrap, of=len(predictions)
        ),
        f1_samples=taking.mean(predictions.f1),
        precision_at_1=at_1,
        recall_at_5=taking.mean(
            recall_at(predictions, HIGHEST), among=predictions.known & predictions.answers.any(1)
        ),
        confusion=taking.confusion(),
        mixed_all_found=mixed,
        singles_with_extra=extra,
        negatives_acted_on=negatives,
        coverage_90=covered,
        tags=reliability(
            predictions.probabilities,
            predictions.targets,
            counted=predictions.counted & predictions.known[:, None],
            bootstrap=taking.bootstrap,
        ),
        tops=reliability(
            predictions.confidence[:, None],
            predictions.top_true[:, None],
            counted=predictions.judged[:, None],
            bootstrap=taking.bootstrap,
        ),
        slices=slices(predictions),
        bootstrap=taking.bootstrap,
    )


def recall_at(predictions: Predictions, k: int) -> Tensor:
    """Float64 (N,): of each photograph's true classes, those among its `k` highest."""
    best = predictions.scores.topk(min(k, predictions.scores.shape[1]), dim=1).indices
    found = predictions.answers.gather(1, best).sum(1)
    return found.double() / predictions.answers.sum(1).clamp(min=1)


def most_confident(predictions: Predictions, share: float) -> Tensor:
    """Bool (N,): the `share` of the photographs that are judged with the most probable top labels."""
    places = predictions.judged.nonzero()[:, 0]
    order = predictions.confidence[places].argsort(descending=True, stable=True)
    kept = torch.zeros(len(predictions), dtype=torch.bool)
    kept[places[order[: ceil(share * len(places))]]] = True
    return kept


@dataclass(frozen=True, slots=True)
class Taking:
    """Figures of one `Predictions`, their intervals from one bootstrap."""

    predictions: Predictions
    bootstrap: Bootstrap

    def overall(self) -> list[Share]:
        """Top accuracy, precision at 1, mixed ones found, singles with one too many, negatives, coverage."""
        covered = Counted(self.predictions.right, most_confident(self.predictions, COVERAGE))
        return self.shares([*outcomes.overall(self.predictions).values(), covered])

    def per_label(self) -> list[Shares]:
        """Precision and recall of the top label, precision and recall of the tag."""
        labels = self.predictions.labels
        by_label = [outcomes.of_label(self.predictions, place).values() for place in range(len(labels))]
        return [
            dict(zip(labels, self.shares(counted), strict=True)) for counted in zip(*by_label, strict=True)
        ]

    def mean(self, values: Tensor, *, among: Tensor | None = None) -> Figure:
        """The mean of float (N,), over the photographs that have tags where nothing else is said."""
        among = self.predictions.known if among is None else among
        return weighted_metrics.figure(
            weighted_metrics.mean(values, among), self.bootstrap, of=int(among.sum())
        )

    def confusion(self) -> tuple[tuple[int, ...], ...]:
        """Of the photographs whose top label is right or wrong."""
        judged = self.predictions.judged
        counts = weighted_metrics.confusion(
            self.predictions.tops[judged],
            self.predictions.mains[judged],
            classes=len(self.predictions.classes),
        )
        return tuple(tuple(row) for row in counts.tolist())

    def shares(self, figures: Sequence[Counted]) -> list[Share]:
        """A share each; where sources are given, with the interval over them."""
        counted = torch.stack([each.among for each in figures], dim=1)
        hit = torch.stack([each.hits for each in figures], dim=1) & counted
        totals = zip(hit.sum(0).tolist(), counted.sum(0).tolist(), strict=True)
        if self.bootstrap.by != "source":
            return [Share(n, of=of) for n, of in totals]
        intervals = self.bootstrap.intervals(weighted_metrics.ratio(hit.double(), counted.double()))
        return [
            Share(n, of=of, resampled=holding(interval, n / of) if of else None)
            for (n, of), interval in zip(totals, intervals, strict=True)
        ]

    def by_label(self, statistic: Statistic, *, undefined: float = nan) -> Figures:
        """A figure a label, of a statistic with a column each."""
        values = weighted_metrics.value(statistic, of=len(self.predictions)).nan_to_num(undefined)
        counts = self.predictions.targets.sum(0).tolist()
        intervals = self.bootstrap.intervals(statistic)
        rows = zip(self.predictions.labels, values.tolist(), counts, intervals, strict=True)
        return {
            label: Figure(value, of=of, interval=holding(interval, value))
            for label, value, of, interval in rows
        }
