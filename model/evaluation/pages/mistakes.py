"""Error gallery: the photographs that a version tagged wrong, or that one of two alone got right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from model import thumbnail
from model.data.photograph import Encoded
from model.evaluation import wrong_tags
from model.evaluation.predictions import Predictions

SIDE: Final = 240
QUALITY: Final = 68
"""About 10 kB each."""
EACH: Final = 12
"""Of a list: enough to see what goes wrong."""
MOST: Final = 120
"""Of all lists of labels together: a page of many labels shows fewer of each."""
FEWEST: Final = 3


@dataclass(frozen=True, slots=True)
class Score:
    """One label of one photograph."""

    label: str
    probability: float
    threshold: float
    true: bool
    maybe: bool
    tagged: bool


@dataclass(frozen=True, slots=True)
class ShownPhotograph:
    """One photograph, what is true of it, and what was said."""

    name: str
    source: str
    picture: str
    """A data: URI; empty where it cannot be shown."""
    tags: tuple[str, ...]
    maybe: tuple[str, ...]
    faults: tuple[str, ...]
    scores: tuple[tuple[Score, ...], ...]
    """Of each version."""


@dataclass(frozen=True, slots=True)
class ShownMistakes:
    """The first of a list, and how many there are in all."""

    title: str
    count: int
    shown: tuple[ShownPhotograph, ...]


def of_labels(predictions: Predictions) -> tuple[tuple[str, tuple[ShownMistakes, ShownMistakes]], ...]:
    """By label what was missed, and what was tagged and is not true; farthest off first."""
    most = min(EACH, max(FEWEST, MOST // (2 * len(predictions.labels))))
    return tuple(
        (
            label,
            (
                _first(f"{label} missed", wrong.missed, predictions, most=most),
                _first(f"{label} too many", wrong.too_many, predictions, most=most),
            ),
        )
        for label, wrong in wrong_tags.by_label(predictions).items()
    )


def of_none(predictions: Predictions) -> ShownMistakes:
    """Photographs of none of the labels that were tagged all the same."""
    return _first("none of the labels", wrong_tags.of_none(predictions), predictions, most=2 * EACH)


def of_main(predictions: Predictions) -> ShownMistakes:
    """Photographs whose tags are right, and whose top label is another than their main one."""
    wrong = predictions.judged & ~predictions.right & predictions.all_right
    places = wrong_tags.farthest(predictions.confidence, among=wrong)
    return _first("top label is another", places, predictions, most=EACH)


def _first(title: str, places: Sequence[int], predictions: Predictions, *, most: int) -> ShownMistakes:
    return ShownMistakes(title, len(places), tuple(shown(place, predictions) for place in places[:most]))


def alone(
    right: Predictions, wrong: Predictions, *, order: tuple[Predictions, Predictions]
) -> tuple[ShownPhotograph, ...]:
    """What one version alone tags right, those first that the other gets most wrong."""
    places = wrong_tags.farthest(loss(wrong), among=right.all_right & ~wrong.all_right)
    return tuple(shown(place, wrong, beside=order) for place in places[:EACH])


def loss(predictions: Predictions) -> Tensor:
    """Float64 (N,): the cross-entropy of each photograph's probabilities with its tags."""
    inside = predictions.probabilities.clamp(1e-6, 1 - 1e-6)
    each = functional.binary_cross_entropy(inside, predictions.targets.double(), reduction="none")
    return torch.sum(each * predictions.counted, dim=1)


def shown(place: int, predictions: Predictions, *, beside: tuple[Predictions, ...] = ()) -> ShownPhotograph:
    """The photograph at `place`, with the faults of `predictions` and the scores of all `beside`."""
    photo = predictions.photographs[place]
    return ShownPhotograph(
        name=photo.path.name,
        source=photo.source,
        picture=_picture(photo.path),
        tags=photo.labels,
        maybe=photo.maybe,
        faults=tuple(_faults(place, predictions)),
        scores=tuple(_scores(place, each) for each in beside or (predictions,)),
    )


def _picture(path: Encoded) -> str:
    try:
        return thumbnail.opened(BytesIO(path.read_bytes()), SIDE, quality=QUALITY) or ""
    except OSError:
        return ""


def _faults(place: int, predictions: Predictions) -> list[str]:
    faults = list(wrong_tags.said(place, predictions))
    if predictions.judged[place] and not predictions.right[place]:
        faults.append(f"top is {predictions.classes[int(predictions.tops[place])]}")
    return faults


def _scores(place: int, predictions: Predictions) -> tuple[Score, ...]:
    rows = (predictions.probabilities, predictions.targets, predictions.counted, predictions.tagged)
    columns = zip(predictions.labels, *(row[place].tolist() for row in rows), strict=True)
    return tuple(
        Score(label, probability, predictions.thresholds[label], true, not counted, tagged)
        for label, probability, true, counted, tagged in columns
    )
