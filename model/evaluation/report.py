"""How good a version is, in shares with their 95 % intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt

import torch
from pydantic import JsonValue
from torch import Tensor

from model.training.pictures import Pictures

Z = 1.96
"""Of a 95 % interval."""


@dataclass(frozen=True, slots=True)
class Share:
    """`hits` of `of`, with Wilson's score interval, which also holds near 0 and 1."""

    hits: int
    of: int

    @property
    def value(self) -> float:
        """0 where there was nothing to hit."""
        return self.hits / self.of if self.of else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Lower and upper end; all of [0, 1] where there was nothing to hit."""
        if not self.of:
            return (0.0, 1.0)
        n, p = self.of, self.value
        middle = (p + Z**2 / (2 * n)) / (1 + Z**2 / n)
        half = Z / (1 + Z**2 / n) * sqrt(p * (1 - p) / n + Z**2 / (4 * n**2))
        return (max(0.0, middle - half), min(1.0, middle + half))

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.value:.1%} ({self.hits}/{self.of}; {low:.1%} to {high:.1%})"

    def as_json(self) -> JsonValue:
        """Value, counts and interval."""
        return {
            "value": round(self.value, 4),
            "hits": self.hits,
            "of": self.of,
            "interval": [round(end, 4) for end in self.interval],
        }


@dataclass(frozen=True, slots=True)
class Report:
    """One split's figures. Top label: the highest; tagged: at or above its threshold."""

    labels: tuple[str, ...]
    top_accuracy: Share
    precision: Mapping[str, Share]
    """Of the photographs whose top label this is, those whose main label it is."""
    recall: Mapping[str, Share]
    """Of the photographs whose main label this is, those whose top label it is."""
    tag_precision: Mapping[str, Share]
    tag_recall: Mapping[str, Share]
    confusion: tuple[tuple[int, ...], ...]
    """Rows: main label; columns: top label."""
    mixed_all_found: Share
    """Of the photographs with two tags or more, those of which all are tagged."""
    negatives_acted_on: Share
    """Of the pictures of none of the labels, those that were tagged with any."""

    def as_json(self) -> dict[str, JsonValue]:
        """For the manifest and for `--json`."""
        return {
            "top_accuracy": self.top_accuracy.as_json(),
            "precision": _json(self.precision),
            "recall": _json(self.recall),
            "tag_precision": _json(self.tag_precision),
            "tag_recall": _json(self.tag_recall),
            "confusion": [list(row) for row in self.confusion],
            "mixed_all_found": self.mixed_all_found.as_json(),
            "negatives_acted_on": self.negatives_acted_on.as_json(),
        }


def report(probabilities: Tensor, pictures: Pictures, *, thresholds: Mapping[str, float]) -> Report:
    """The figures of `probabilities`, float (N, labels), against the true tags of `pictures`."""
    labels = pictures.labels
    tagged = probabilities >= torch.tensor([thresholds[label] for label in labels])
    true, known = pictures.targets > 0, ~pictures.negative
    tops, mains = probabilities.argmax(1)[known], pictures.mains[known]
    each = range(len(labels))
    return Report(
        labels=labels,
        top_accuracy=_share(tops == mains),
        precision={labels[i]: _share((mains == i)[tops == i]) for i in each},
        recall={labels[i]: _share((tops == i)[mains == i]) for i in each},
        tag_precision={labels[i]: _share(true[tagged[:, i], i]) for i in each},
        tag_recall={labels[i]: _share(tagged[true[:, i], i]) for i in each},
        confusion=tuple(tuple(int(((mains == i) & (tops == j)).sum()) for j in each) for i in each),
        mixed_all_found=_share((tagged | ~true)[true.sum(1) > 1].all(1)),
        negatives_acted_on=_share(tagged[~known].any(1)),
    )


def _share(hits: Tensor) -> Share:
    """Of booleans (n,)."""
    return Share(int(hits.sum()), of=len(hits))


def _json(shares: Mapping[str, Share]) -> JsonValue:
    return {label: share.as_json() for label, share in shares.items()}
