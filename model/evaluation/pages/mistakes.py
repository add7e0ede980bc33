"""Error gallery: the photographs that a version got most wrong, or that one of two alone got right."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from model import thumbnail
from model.data.photograph import Encoded
from model.evaluation.predictions import Predictions

SIDE: Final = 240
QUALITY: Final = 68
"""About 10 kB each."""
WORST: Final = 24
EACH: Final = 12
"""Of those that one of two versions alone gets right."""


@dataclass(frozen=True, slots=True)
class Score:
    """One label of one photograph."""

    label: str
    probability: float
    threshold: float
    true: bool
    tagged: bool


@dataclass(frozen=True, slots=True)
class ShownPhotograph:
    """One photograph, what is true of it, and what was said."""

    name: str
    source: str
    picture: str
    """A data: URI; empty where it cannot be shown."""
    tags: tuple[str, ...]
    faults: tuple[str, ...]
    scores: tuple[tuple[Score, ...], ...]
    """Of each version."""


def worst(predictions: Predictions) -> tuple[tuple[ShownPhotograph, ...], int]:
    """Those with the highest cross-entropy first, and how many are wrong in all."""
    wrong = (predictions.judged & ~predictions.right) | ~predictions.all_right
    places = wrong.nonzero()[:, 0]
    order = places[loss(predictions)[places].argsort(descending=True, stable=True)]
    return tuple(shown(place, predictions) for place in order[:WORST].tolist()), len(places)


def alone(
    right: Predictions, wrong: Predictions, *, order: tuple[Predictions, Predictions]
) -> tuple[ShownPhotograph, ...]:
    """What one version alone tags right, those first that the other gets most wrong."""
    places = (right.all_right & ~wrong.all_right).nonzero()[:, 0]
    ordered = places[loss(wrong)[places].argsort(descending=True, stable=True)]
    return tuple(shown(place, wrong, beside=order) for place in ordered[:EACH].tolist())


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
        faults=tuple(_faults(place, predictions)),
        scores=tuple(_scores(place, each) for each in beside or (predictions,)),
    )


def _picture(path: Encoded) -> str:
    try:
        return thumbnail.opened(BytesIO(path.read_bytes()), SIDE, quality=QUALITY) or ""
    except OSError:
        return ""


def _faults(place: int, predictions: Predictions) -> list[str]:
    tagged = (predictions.tagged & predictions.counted)[place].tolist()
    true = predictions.targets[place].tolist()
    columns = list(zip(predictions.labels, tagged, true, strict=True))
    faults = [f"{label} missed" for label, is_tagged, is_true in columns if is_true and not is_tagged]
    faults += [f"{label} too many" for label, is_tagged, is_true in columns if is_tagged and not is_true]
    if predictions.judged[place] and not predictions.right[place]:
        faults.append(f"top is {predictions.classes[int(predictions.tops[place])]}")
    return faults


def _scores(place: int, predictions: Predictions) -> tuple[Score, ...]:
    rows = (predictions.probabilities, predictions.targets, predictions.tagged)
    columns = zip(predictions.labels, *(row[place].tolist() for row in rows), strict=True)
    return tuple(
        Score(label, probability, predictions.thresholds[label], true=true, tagged=tagged)
        for label, probability, true, tagged in columns
    )
