"""Report builder: every figure of a version's predictions, with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from model.evaluation import measures, outcomes, weighted_metrics
from model.evaluation.bootstrap_intervals import Bootstrap, Statistic
from model.evaluation.outcomes import Counted
from model.evaluation.predictions import Predictions
from model.evaluation.reliability import Reliability, reliability
from model.evaluation.report import Figures, Report, Shares
from model.evaluation.shares import Figure, Share, holding
from model.evaluation.slices import slices


def report(predictions: Predictions, *, resamples: int = 1000) -> Report:
    """Every figure but the speed."""
    taking = Taking(predictions, Bootstrap.of(predictions.photographs, resamples=resamples))
    whole, labels = measures.overall(predictions), measures.of_labels(predictions)
    counted, several = predictions.counted, measures.counted_and_several(predictions)
    shares, by_label = taking.overall(), taking.per_label()
    return Report(
        task=predictions.task,
        labels=predictions.labels,
        classes=predictions.classes,
        photographs=int(predictions.known.sum()),
        negatives=int(predictions.none.sum()),
        unreadable=len(predictions.unreadable),
        tag_precision=by_label["tag_precision"],
        tag_recall=by_label["tag_recall"],
        f1=taking.by_label(labels["f1"], of=predictions.targets),
        precision_at_recall=taking.by_label(labels["precision_at_recall"], of=predictions.targets),
        thresholds_at_recall=measures.thresholds_at_recall(predictions),
        average_precision=taking.by_label(labels["average_precision"], of=predictions.targets),
        ece_label=taking.by_label(labels["ece_label"], of=counted),
        ece_label_mixed=taking.by_label(labels["ece_label_mixed"], of=several),
        mixed_all_found=shares["mixed_all_found"],
        negatives_acted_on=shares["negatives_acted_on"],
        singles_with_extra=shares["singles_with_extra"],
        mean_average_precision=taking.figure(whole["mean_average_precision"], of=len(predictions)),
        f1_samples=taking.figure(whole["f1_samples"], of=int(predictions.known.sum())),
        top_accuracy=shares["top_accuracy"],
        coverage_90=shares["coverage_90"],
        precision_at_1=shares["precision_at_1"],
        precision=by_label["precision"],
        recall=by_label["recall"],
        recall_at_5=taking.figure(whole["recall_at_5"], of=int(measures.recalled(predictions).sum())),
        confusion=taking.confusion(),
        tags=taking.tags(),
        tops=taking.tops(),
        slices=slices(predictions),
        bootstrap=taking.bootstrap,
    )


@dataclass(frozen=True, slots=True)
class Taking:
    """Figures of one `Predictions`, their intervals from one bootstrap."""

    predictions: Predictions
    bootstrap: Bootstrap

    def overall(self) -> Mapping[str, Share]:
        """The shares of the whole, by name."""
        counted = outcomes.overall(self.predictions)
        return dict(zip(counted, self.shares([*counted.values()]), strict=True))

    def per_label(self) -> Mapping[str, Shares]:
        """The shares of each label, by name."""
        labels = self.predictions.labels
        each = [outcomes.of_label(self.predictions, place) for place in range(len(labels))]
        return {
            name: dict(zip(labels, self.shares([label[name] for label in each]), strict=True))
            for name in each[0]
        }

    def figure(self, statistic: Statistic, *, of: int) -> Figure:
        """A figure of the whole."""
        return weighted_metrics.figure(statistic, self.bootstrap, of=of)

    def confusion(self) -> tuple[tuple[int, ...], ...]:
        """Of the photographs whose top label is right or wrong."""
        judged = self.predictions.judged
        counts = weighted_metrics.confusion(
            self.predictions.tops[judged],
            self.predictions.mains[judged],
            classes=len(self.predictions.classes),
        )
        return tuple(tuple(row) for row in counts.tolist())

    def tags(self) -> Reliability:
        """Of every label's probability, pooled, on photographs that have tags."""
        return reliability(
            self.predictions.probabilities,
            self.predictions.targets,
            counted=measures.counted_and_known(self.predictions),
            bootstrap=self.bootstrap,
        )

    def tops(self) -> Reliability:
        """Of the top label's probability."""
        return reliability(
            self.predictions.confidence[:, None],
            self.predictions.top_true[:, None],
            counted=self.predictions.judged[:, None],
            bootstrap=self.bootstrap,
        )

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

    def by_label(self, statistic: Statistic, *, of: Tensor) -> Figures:
        """A figure a label, of a statistic with a column each, over the places of bool (N, labels)."""
        values = weighted_metrics.value(statistic, of=len(self.predictions)).tolist()
        intervals = self.bootstrap.intervals(statistic)
        rows = zip(self.predictions.labels, values, of.sum(0).tolist(), intervals, strict=True)
        return {
            label: Figure(value, of=count, interval=holding(interval, value))
            for label, value, count, interval in rows
        }
