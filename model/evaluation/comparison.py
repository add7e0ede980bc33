"""Paired comparison of two versions on the same photographs; feeds report, gate and pages.

McNemar's test (1947) looks at the discordant photographs alone, those that exactly one of the two gets right:
were the versions equally good, each would have half of them. Differences of figures have bootstrap intervals,
over the same resamples for both. The test takes photographs for independent; the intervals draw sources.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Final

import torch
from pydantic import JsonValue
from torch import Tensor

from model.evaluation import measures, outcomes, weighted_metrics
from model.evaluation.bootstrap_intervals import Bootstrap, Statistic, percentiles
from model.evaluation.differences import Difference, Paired
from model.evaluation.predictions import Predictions
from model.evaluation.shares import holding
from model.evaluation.slices import SMALL, partition
from model.manifest import Manifest
from schemas.errors import ConfigurationError

MEASURES: Final = {
    "precision": "tag_precision",
    "recall": "tag_recall",
    "f1": "f1",
    "precision_at_recall": "precision_at_recall",
    "average_precision": "average_precision",
    "ece": "ece_label",
    "ece_mixed": "ece_label_mixed",
    "main_precision": "precision",
    "main_recall": "recall",
}
"""What is compared of a label, by the report's name: of its tag, then of it as the main one."""
GAP_SEEDS: Final = (0, 1)
"""Of the two bootstraps of a gap: the splits have different photographs, and are drawn apart."""


@dataclass(frozen=True, slots=True)
class PerLabel:
    """One label in both versions."""

    tag: Paired
    """Of all photographs: which version's tag is right, there or not there."""
    precision: Difference
    recall: Difference
    f1: Difference
    precision_at_recall: Difference
    average_precision: Difference
    ece: Difference
    ece_mixed: Difference
    main_precision: Difference
    main_recall: Difference

    def of(self, measure: str) -> Difference:
        """By the report's name."""
        field = next(field for field, name in MEASURES.items() if name == measure)
        difference: Difference = getattr(self, field)
        return difference

    def as_json(self) -> dict[str, JsonValue]:
        """All of it."""
        return {each.name: getattr(self, each.name).as_json() for each in fields(self)}


@dataclass(frozen=True, slots=True)
class SliceComparison:
    """One slice in both versions."""

    right_a: int
    right_b: int
    top: Paired

    def as_json(self) -> dict[str, JsonValue]:
        """Counts whose top label is right, and the pairs."""
        small = self.top.of < SMALL
        return {"a": self.right_a, "b": self.right_b, "too_small": small, **self.top.as_json()}


@dataclass(frozen=True, slots=True)
class Comparison:
    """B against A on the photographs that both could read."""

    labels: tuple[str, ...]
    photographs: int
    negatives: int
    pairs: Mapping[str, Paired]
    """Photographs that one alone gets right, by figure; of a label and of a slice as `food: recall`."""
    all_tags: Paired
    """Whose tags are exactly the true ones, negatives among them: there none is right."""
    figures: Mapping[str, Difference]
    per_label: Mapping[str, PerLabel]
    slices: Mapping[str, Mapping[str, SliceComparison]]
    bootstrap: Bootstrap

    @property
    def top(self) -> Paired:
        """Whose top label is right, photographs that have tags."""
        return self.pairs["top_accuracy"]

    def as_json(self) -> dict[str, JsonValue]:
        """For `--json`."""
        return {
            "labels": list(self.labels),
            "photographs": self.photographs,
            "negatives": self.negatives,
            "top": self.top.as_json(),
            "all_tags": self.all_tags.as_json(),
            "figures": {name: each.as_json() for name, each in self.figures.items()},
            "per_label": {label: each.as_json() for label, each in self.per_label.items()},
            "slices": {
                kind: {name: part.as_json() for name, part in parts.items()}
                for kind, parts in self.slices.items()
            },
            "resampled": self.bootstrap.as_json(),
        }


def compare(a: Predictions, b: Predictions, *, resamples: int = 1000, seed: int = 0) -> Comparison:
    """`b` against `a`. Raises `ConfigurationError` for other labels, another task or other photographs."""
    refuse_unlike(a, b)
    if a.labels != b.labels:
        raise ConfigurationError("A and B were judged with their labels in different orders")
    a, b = aligned(a, b)
    bootstrap = Bootstrap.of(a.photographs, resamples=resamples, seed=seed)
    judged = a.judged & b.judged
    return Comparison(
        labels=a.labels,
        photographs=int(a.known.sum()),
        negatives=int(a.none.sum()),
        pairs=dict(_pairs(a, b)),
        all_tags=paired(a.all_right, b.all_right),
        figures=_figures(a, b, bootstrap=bootstrap),
        per_label=_per_label(a, b, bootstrap=bootstrap),
        slices={
            kind: {
                name: _part(a, b, inside=inside & judged) for name, inside in parts.items() if inside.any()
            }
            for kind, parts in partition(a).items()
        },
        bootstrap=bootstrap,
    )


def gap(predictions: Predictions, against: Predictions) -> Mapping[str, Difference]:
    """Generalisation gap: metrics on the training split minus metrics on the test split.

    For each figure `predictions`'s as A, `against`'s as B, and B less A: positive where B is higher.
    """
    ours, theirs = measures.overall(predictions), measures.overall(against)
    one, other = (
        Bootstrap.of(each.photographs, seed=seed)
        for each, seed in zip((predictions, against), GAP_SEEDS, strict=True)
    )
    found = {}
    for name, a in ours.items():
        before = float(weighted_metrics.value(a, of=len(predictions)))
        after = float(weighted_metrics.value(theirs[name], of=len(against)))
        interval = percentiles(other.drawn(theirs[name]) - one.drawn(a))[0]
        found[name] = Difference(before, after, interval=holding(interval, after - before))
    return found


def refuse_unlike(a: Predictions | Manifest, b: Predictions | Manifest) -> None:
    """Raises `ConfigurationError` where the two cannot be compared."""
    if set(a.labels) != set(b.labels):
        only_a, only_b = sorted({*a.labels} - {*b.labels}), sorted({*b.labels} - {*a.labels})
        raise ConfigurationError(
            f"A and B have different labels and cannot be compared: A alone has {only_a}, B alone {only_b}"
        )
    if a.task != b.task:
        raise ConfigurationError(f"A and B cannot be compared: A's task is {a.task}, B's is {b.task}")


def aligned(a: Predictions, b: Predictions) -> tuple[Predictions, Predictions]:
    """Both, with the photographs that both could read, in A's order."""
    places = {photo: place for place, photo in enumerate(b.photographs)}
    pairs = [(i, places[photo]) for i, photo in enumerate(a.photographs) if photo in places]
    if not pairs:
        raise ConfigurationError("A and B were judged on different photographs")
    return a.select(torch.tensor([i for i, _ in pairs])), b.select(torch.tensor([i for _, i in pairs]))


def paired(a: Tensor, b: Tensor, *, among: Tensor | None = None) -> Paired:
    """Of bool (N,) each: who is right, `among` some photographs or all."""
    inside = torch.ones_like(a) if among is None else among
    return Paired(int((a & ~b & inside).sum()), int((b & ~a & inside).sum()), of=int(inside.sum()))


def _pairs(a: Predictions, b: Predictions) -> Iterator[tuple[str, Paired]]:
    """Not of the precisions: there each version has its own photographs."""
    one, other = outcomes.overall(a), outcomes.overall(b)
    mixed = "mixed_all_found"
    yield mixed, paired(one[mixed].hits, other[mixed].hits, among=one[mixed].among)
    for name in ("singles_with_extra", "negatives_acted_on"):
        yield name, paired(~one[name].hits, ~other[name].hits, among=one[name].among)
    for place, label in enumerate(a.labels):
        both = [outcomes.of_label(each, place) for each in (a, b)]
        for name in ("recall", "tag_recall"):
            before, after = (each[name] for each in both)
            among = before.among & after.among
            yield f"{label}: {name}", paired(before.hits, after.hits, among=among)
    f1 = a.f1, b.f1
    judged = a.judged & b.judged
    parts = {"": judged} | {
        f"{kind} {name}: ": inside & judged
        for kind, parts in partition(a).items()
        for name, inside in parts.items()
    }
    for where, inside in parts.items():
        yield f"{where}top_accuracy", paired(a.right, b.right, among=inside)
        # Of the whole it is over all that have tags, whatever their top labels are.
        among = inside if where else a.known
        yield f"{where}f1_samples", paired(f1[0] > f1[1], f1[1] > f1[0], among=among)


def _figures(a: Predictions, b: Predictions, *, bootstrap: Bootstrap) -> Mapping[str, Difference]:
    ours, theirs = measures.overall(a), measures.overall(b)
    return {name: _differences(one, theirs[name], bootstrap=bootstrap)[0] for name, one in ours.items()}


def _per_label(a: Predictions, b: Predictions, *, bootstrap: Bootstrap) -> Mapping[str, PerLabel]:
    ours, theirs = measures.of_labels(a), measures.of_labels(b)
    columns = {
        field: _differences(ours[name], theirs[name], bootstrap=bootstrap) for field, name in MEASURES.items()
    }
    return {
        label: PerLabel(
            paired(
                a.tagged[:, i] == a.targets[:, i], b.tagged[:, i] == b.targets[:, i], among=a.counted[:, i]
            ),
            **{field: column[i] for field, column in columns.items()},
        )
        for i, label in enumerate(a.labels)
    }


def _differences(a: Statistic, b: Statistic, *, bootstrap: Bootstrap) -> list[Difference]:
    """One a column."""
    ours, theirs = (weighted_metrics.value(each, of=len(bootstrap.members)).tolist() for each in (a, b))
    intervals = bootstrap.intervals(weighted_metrics.difference(b, a))
    return [
        Difference(a=one, b=other, interval=holding(interval, other - one))
        for one, other, interval in zip(ours, theirs, intervals, strict=True)
    ]


def _part(a: Predictions, b: Predictions, *, inside: Tensor) -> SliceComparison:
    return SliceComparison(
        right_a=int((a.right & inside).sum()),
        right_b=int((b.right & inside).sum()),
        top=paired(a.right, b.right, among=inside),
    )
