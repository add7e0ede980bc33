"""Evaluation report of one split: every figure with its 95 % interval, and how each was taken.

What stands of the tags comes first, for they are what is acted on; what stands of the main tag comes below.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from model.evaluation.bootstrap_intervals import Bootstrap
from model.evaluation.measures import RECALL
from model.evaluation.reliability import Reliability
from model.evaluation.shares import Figure, Share, number
from model.evaluation.slices import Slices
from model.evaluation.speed import Speed
from model.manifest import Task

Shares = Mapping[str, Share]
Figures = Mapping[str, Figure]


@dataclass(frozen=True, slots=True)
class Report:
    """One split's figures. Top label: the highest; tagged: at or above its threshold.

    Of a binary task the answer is the label where it is tagged, else its absence.
    """

    task: Task
    labels: tuple[str, ...]
    classes: tuple[str, ...]
    """The rows and columns of `confusion`: the labels, of a binary task the label and its absence."""
    photographs: int
    negatives: int
    unreadable: int
    tag_precision: Shares
    """Of the photographs with this tag, negatives among them, those of which it is true."""
    tag_recall: Shares
    """Of the photographs of which this tag is true, those with it."""
    f1: Figures
    """Of `tag_precision` and `tag_recall`."""
    precision_at_recall: Figures
    """At the highest threshold at which 97 % of the true tags are found, negatives among the photographs."""
    thresholds_at_recall: Mapping[str, float]
    """Where that is; NaN for a label of which there is no photograph."""
    average_precision: Figures
    """Over all thresholds, negatives among the photographs."""
    ece_label: Figures
    """The calibration error of the label's probability, negatives among the photographs."""
    ece_label_mixed: Figures
    """The same on photographs of several tags."""
    mixed_all_found: Share
    """Of the photographs with two tags or more, those of which all are tagged."""
    negatives_acted_on: Share
    """Of the pictures of none of the labels, those that were tagged with any."""
    singles_with_extra: Share
    """Of the photographs with one tag, those that were tagged with another too, or instead."""
    mean_average_precision: Figure
    f1_samples: Figure
    """The mean of each photograph's own F1 of tags, negatives left out."""
    top_accuracy: Share
    coverage_90: Share
    """`top_accuracy` of the 90 % whose top label has the highest probability."""
    precision_at_1: Share
    """Photographs whose top label is one of their true tags."""
    recall_at_5: Figure
    """Of a photograph's true tags, those among its five highest labels (all, where there are no more)."""
    precision: Shares
    """Of the photographs whose top label this is, those whose main label it is."""
    recall: Shares
    """Of the photographs whose main label this is, those whose top label it is."""
    confusion: tuple[tuple[int, ...], ...]
    """Rows: main label; columns: top label."""
    tags: Reliability
    """Of every label's probability, pooled, on photographs that have tags."""
    tops: Reliability
    """Of the top label's probability."""
    slices: Slices
    bootstrap: Bootstrap
    speed: Speed | None = None

    @property
    def ece(self) -> Figure:
        """The calibration error, pooled."""
        return self.tags.error

    @property
    def ece_top(self) -> Figure:
        """The calibration error of the top label's probability."""
        return self.tops.error

    def as_json(self) -> dict[str, JsonValue]:
        """For the manifest and for `--json`."""
        document = {
            **self._counts(),
            **self._per_label(),
            **self._overall(),
            **self._main(),
            **self._parts(),
        }
        return document if self.speed is None else {**document, "speed": self.speed.as_json()}

    def _counts(self) -> dict[str, JsonValue]:
        return {
            "task": self.task,
            "labels": list(self.labels),
            "photographs": self.photographs,
            "negatives": self.negatives,
            "unreadable": self.unreadable,
        }

    def _per_label(self) -> dict[str, JsonValue]:
        return {
            "tag_precision": _each(self.tag_precision),
            "tag_recall": _each(self.tag_recall),
            "f1": _each(self.f1),
            "precision_at_recall": {
                label: {
                    **figure.as_json(),
                    "recall": RECALL,
                    "threshold": number(self.thresholds_at_recall[label]),
                }
                for label, figure in self.precision_at_recall.items()
            },
            "average_precision": _each(self.average_precision),
            "ece_label": _each(self.ece_label),
            "ece_label_mixed": _each(self.ece_label_mixed),
        }

    def _overall(self) -> dict[str, JsonValue]:
        return {
            "mixed_all_found": self.mixed_all_found.as_json(),
            "negatives_acted_on": self.negatives_acted_on.as_json(),
            "singles_with_extra": self.singles_with_extra.as_json(),
            "mean_average_precision": self.mean_average_precision.as_json(),
            "f1_samples": self.f1_samples.as_json(),
            "ece": self.ece.as_json(),
            "reliability": [each.as_json() for each in self.tags.bins if each.of],
        }

    def _main(self) -> dict[str, JsonValue]:
        return {
            "top_accuracy": self.top_accuracy.as_json(),
            "coverage_90": self.coverage_90.as_json(),
            "precision_at_1": self.precision_at_1.as_json(),
            "recall_at_5": {**self.recall_at_5.as_json(), "k": min(5, len(self.classes))},
            "precision": _each(self.precision),
            "recall": _each(self.recall),
            "confusion": [list(row) for row in self.confusion],
            "classes": list(self.classes),
            "ece_top": self.ece_top.as_json(),
            "reliability_top": [each.as_json() for each in self.tops.bins if each.of],
        }

    def _parts(self) -> dict[str, JsonValue]:
        return {
            "slices": {
                kind: {part.name: part.as_json() for part in parts} for kind, parts in self.slices.items()
            },
            "resampled": self.bootstrap.as_json(),
        }


def _each(figures: Shares | Figures) -> JsonValue:
    return {label: figure.as_json() for label, figure in figures.items()}
