"""Wrong tags: what a version missed and what it set too many, label by label, farthest off first.

How far is the distance of the probability to the label's threshold. Maybes are neither.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from model.evaluation.predictions import Predictions


@dataclass(frozen=True, slots=True)
class WrongTags:
    """Of one label, places of photographs, each list farthest off first."""

    missed: tuple[int, ...]
    """It is true, and was not tagged."""
    too_many: tuple[int, ...]
    """It was tagged and is not true, of photographs that may be or are something else."""


def by_label(predictions: Predictions) -> Mapping[str, WrongTags]:
    """Of each label, false alarms on photographs of none left out: see `of_none`."""
    beyond, missed = distances(predictions), missing(predictions)
    too_many = false_alarms(predictions) & ~predictions.none[:, None]
    return {
        label: WrongTags(
            farthest(-beyond[:, column], among=missed[:, column]),
            farthest(beyond[:, column], among=too_many[:, column]),
        )
        for column, label in enumerate(predictions.labels)
    }


def of_none(predictions: Predictions) -> tuple[int, ...]:
    """Photographs of none of the labels that were tagged all the same."""
    wrong = false_alarms(predictions) & predictions.none[:, None]
    return farthest(distances(predictions).where(wrong, -torch.inf).amax(1), among=wrong.any(1))


def of_any(predictions: Predictions) -> tuple[int, ...]:
    """Photographs with any wrong tag."""
    missed, too_many = missing(predictions), false_alarms(predictions)
    off = distances(predictions).abs().where(missed | too_many, -torch.inf)
    return farthest(off.amax(1), among=(missed | too_many).any(1))


def missing(predictions: Predictions) -> Tensor:
    """Bool (N, labels): true, and not tagged."""
    return predictions.targets & ~predictions.tagged


def false_alarms(predictions: Predictions) -> Tensor:
    """Bool (N, labels): tagged, and beyond doubt not true."""
    return predictions.tagged & ~predictions.targets & predictions.counted


def distances(predictions: Predictions) -> Tensor:
    """Float64 (N, labels): how far each probability is above its threshold; below 0 where it is under it."""
    thresholds = [predictions.thresholds[label] for label in predictions.labels]
    return predictions.probabilities - torch.tensor(thresholds, dtype=torch.float64)


def farthest(distance: Tensor, *, among: Tensor) -> tuple[int, ...]:
    """The places `among`, bool (N,), by falling `distance`."""
    places = among.nonzero()[:, 0]
    order = distance[places].argsort(descending=True, stable=True)
    return tuple(places[order].tolist())


def said(place: int, predictions: Predictions) -> tuple[str, ...]:
    """What is wrong with the tags of the photograph at `place`, in words."""
    missed, too_many = (each(predictions)[place].tolist() for each in (missing, false_alarms))
    return (
        *(f"{label} missed" for label, wrong in zip(predictions.labels, missed, strict=True) if wrong),
        *(f"{label} too many" for label, wrong in zip(predictions.labels, too_many, strict=True) if wrong),
    )
