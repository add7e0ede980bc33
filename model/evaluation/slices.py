"""Slice metrics: where a version is weak on a part of the photographs though its mean is good."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import torch
from pydantic import JsonValue
from torch import Tensor

from model.evaluation.predictions import Predictions
from model.evaluation.shares import DECIMALS, Share

BRIGHTNESS: Final = (0.3, 0.45, 0.6)
"""Edges of the mean luma."""
SIDES: Final = (300, 600, 1200)
"""Edges of the longer side, in pixels."""
SMALL: Final = 30
"""A slice of fewer photographs says too little: one of them is more than 3 %."""
MOST_SOURCES: Final = 40
"""Named; the others, with the fewest photographs, are one slice."""


@dataclass(frozen=True, slots=True)
class Slice:
    """One part, photographs that have tags alone."""

    name: str
    top_accuracy: Share
    f1_samples: float

    @property
    def of(self) -> int:
        """Photographs in it."""
        return self.top_accuracy.of

    @property
    def too_small(self) -> bool:
        """Whether it says too little."""
        return self.of < SMALL

    def as_json(self) -> JsonValue:
        """Counts and figures."""
        return {
            "of": self.of,
            "too_small": self.too_small,
            "top_accuracy": self.top_accuracy.as_json(),
            "f1_samples": round(self.f1_samples, DECIMALS),
        }


Slices = Mapping[str, tuple[Slice, ...]]
"""By source, brightness and size; none by source where no source is given."""


def slices(predictions: Predictions) -> Slices:
    """Top label and F1 of every part."""
    judged, right, f1 = predictions.judged, predictions.right, predictions.f1

    def of(name: str, inside: Tensor) -> Slice:
        chosen = inside & judged
        count = int(chosen.sum())
        mean = float(f1[chosen].mean()) if count else 0.0
        return Slice(name, Share(int((right & chosen).sum()), of=count), f1_samples=mean)

    return {
        kind: tuple(made for made in (of(name, inside) for name, inside in parts.items()) if made.of)
        for kind, parts in partition(predictions).items()
    }


def partition(predictions: Predictions) -> Mapping[str, Mapping[str, Tensor]]:
    """By kind and name, which photographs are inside, bool (N,)."""
    return {
        "source": _sources([photo.source for photo in predictions.photographs], known=predictions.known),
        "brightness": _binned(predictions.brightness, BRIGHTNESS, form="{:.2f}"),
        "size": _binned(predictions.sides, SIDES, form="{:.0f} px"),
    }


def _sources(sources: Sequence[str], *, known: Tensor) -> Mapping[str, Tensor]:
    counts = Counter(source for source, counted in zip(sources, known.tolist(), strict=True) if counted)
    if set(counts) <= {""}:
        return {}
    named = [source for source, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))][
        :MOST_SOURCES
    ]
    parts = {source or "no source given": _where(sources, {source}) for source in named}
    others = set(counts) - set(named)
    return {**parts, f"{len(others)} other sources": _where(sources, others)} if others else parts


def _where(sources: Sequence[str], chosen: set[str]) -> Tensor:
    return torch.tensor([source in chosen for source in sources], dtype=torch.bool)


def _binned(values: Tensor, edges: Sequence[float], *, form: str) -> Mapping[str, Tensor]:
    bounds = [form.format(edge) for edge in edges]
    names = [
        f"below {bounds[0]}",
        *(f"{low} to below {high}" for low, high in pairwise(bounds)),
        f"{bounds[-1]} and above",
    ]
    places = torch.bucketize(values.double(), torch.tensor(edges, dtype=torch.float64), right=True)
    return {name: places == place for place, name in enumerate(names)}
