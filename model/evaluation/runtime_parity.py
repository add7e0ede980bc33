"""Runtime parity: do other libraries, precisions and devices tag photographs as the first one does?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
from pydantic import JsonValue
from torch import Tensor

from model.data.photograph import Photograph
from model.data.progress import Tick, silent
from model.evaluation.predict import predict
from model.evaluation.predictions import Predictions
from model.evaluation.shares import Share
from model.serving.classifier import Classifier

NEAR: Final = 0.01
"""A probability so near to its threshold is said to be near."""


@dataclass(frozen=True, slots=True)
class RuntimeParity:
    """How alike `computed_by` scores, beside `reference`."""

    reference: str
    computed_by: str
    tags: Share
    """The photographs of which all tags are the same."""
    near: int
    """How many have a probability near its threshold."""
    moves: Tensor
    """Float (N,): the largest difference of a probability, for each photograph."""
    differing: tuple[str, ...]
    """One line a label of a photograph that is tagged otherwise."""
    unreadable: tuple[str, ...]

    @property
    def largest(self) -> float:
        """Of all moves."""
        return float(self.moves.max())

    @property
    def median(self) -> float:
        """Of all moves."""
        return float(self.moves.median())

    def as_json(self) -> dict[str, JsonValue]:
        """For `--json`."""
        return {
            "reference": self.reference,
            "computed_by": self.computed_by,
            "tags": self.tags.as_json(),
            "near_a_threshold": self.near,
            "moves": {"median": round(self.median, 6), "largest": round(self.largest, 6)},
            "differing": list(self.differing),
            "unreadable": list(self.unreadable),
        }


def runtime_parity(
    classifiers: Sequence[Classifier], photographs: Sequence[Photograph], *, tick: Tick = silent
) -> tuple[RuntimeParity, ...]:
    """Every classifier but the first beside the first, one version all of them; raises as `predict` does."""
    first, *others = classifiers
    reference = predict(first, photographs, tick=tick)
    return tuple(
        _beside(
            reference, predict(other, photographs, tick=tick), names=(first.computed_by, other.computed_by)
        )
        for other in others
    )


def _beside(reference: Predictions, other: Predictions, *, names: tuple[str, str]) -> RuntimeParity:
    thresholds = torch.tensor([reference.thresholds[label] for label in reference.labels])
    changed = reference.tagged != other.tagged
    return RuntimeParity(
        reference=names[0],
        computed_by=names[1],
        tags=Share(int((~changed).all(1).sum()), len(reference)),
        near=int(((reference.probabilities - thresholds).abs() < NEAR).any(1).sum()),
        moves=(reference.probabilities - other.probabilities).abs().amax(1),
        differing=tuple(_line(reference, other, *map(int, place)) for place in changed.nonzero()),
        unreadable=reference.unreadable,
    )


def _line(reference: Predictions, other: Predictions, row: int, column: int) -> str:
    label = reference.labels[column]
    before, after = (float(each.probabilities[row, column]) for each in (reference, other))
    name = reference.photographs[row].path.name
    return f"{name}: {label} {before:.4f}, then {after:.4f}; tagged from {reference.thresholds[label]:.4f}"
