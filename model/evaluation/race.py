"""Two versions' speed, measured in turns: what else the machine does falls on both alike."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import torch
from pydantic import JsonValue

from model.data.photograph import Photograph
from model.evaluation.speed import BATCH, decoded, timed
from model.serving.classifier import Classifier

ROUNDS: Final = 7


@dataclass(frozen=True, slots=True)
class Benchmark:
    """Images a second in batches, round by round, A's beside B's."""

    device: str
    threads: int
    batch: int
    a: tuple[float, ...]
    b: tuple[float, ...]

    @property
    def medians(self) -> tuple[float, float]:
        """A's and B's."""
        return statistics.median(self.a), statistics.median(self.b)

    @property
    def ratios(self) -> tuple[float, ...]:
        """B to A, in each round."""
        return tuple(b / a for a, b in zip(self.a, self.b, strict=True))

    @property
    def ratio(self) -> float:
        """The median of the rounds'; above 1 B is faster."""
        return statistics.median(self.ratios)

    def as_json(self) -> dict[str, JsonValue]:
        """Medians, ratio, and the lowest and the highest of the rounds."""
        a, b = self.medians
        return {
            "device": self.device,
            "threads": self.threads,
            "batch": self.batch,
            "rounds": len(self.a),
            "a": round(a, 1),
            "b": round(b, 1),
            "ratio": round(self.ratio, 3),
            "range": [round(min(self.ratios), 3), round(max(self.ratios), 3)],
        }


def benchmark(
    a: Classifier,
    b: Classifier,
    photographs: Sequence[Photograph],
    *,
    batch: int = BATCH,
    rounds: int = ROUNDS,
) -> Benchmark:
    """Both on the same photographs, each with its own input; who begins changes from round to round."""
    pixels = [decoded(each, photographs, batch=batch)[0] for each in (a, b)]
    calls = (partial(a.forward, pixels[0]), partial(b.forward, pixels[1]))
    for call in calls:
        call()
    paces: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds):
        for place in (number % 2, 1 - number % 2):
            paces[place].append(batch / timed(calls[place]).wall)
    return Benchmark(a.device, torch.get_num_threads(), batch, tuple(paces[0]), tuple(paces[1]))
