"""Bootstrap confidence intervals: the photographs are drawn again, and the figure taken of them.

Photographs of one source look alike, so where sources are given whole sources are drawn (the cluster
bootstrap, Davison and Hinkley 1997, section 3.8); else single photographs. The intervals are those of the
percentiles. They are too narrow where there are few sources (fewer than about 20): the report says how many.

A figure is written as a function of weights, float (R, N): how often each of R resamples holds each of N
photographs. All resamples are then a few products of matrices, and a figure of a thousand takes milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import torch
from pydantic import JsonValue
from torch import Tensor

from model.data.photograph import Photograph
from model.evaluation.shares import Interval

RESAMPLES: Final = 1000
AT_ONCE: Final = 4_000_000
"""Weights in memory at a time."""
PERCENTILES: Final = (0.025, 0.975)

Statistic = Callable[[Tensor], Tensor]
"""From weights, float64 (R, N), to R values, or (R, k); NaN where a resample has nothing to take it of."""


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """The same resamples for every figure, so that figures and their differences go together."""

    members: Tensor
    """Int (N,): the group of each photograph."""
    by: str
    """What is drawn: source or photograph."""
    resamples: int = RESAMPLES
    seed: int = 0
    at_once: int = AT_ONCE

    @classmethod
    def of(cls, photographs: Sequence[Photograph], *, resamples: int = RESAMPLES, seed: int = 0) -> Bootstrap:
        """By source where there are two or more; a photograph without one is a source of its own."""
        sources = {photo.source for photo in photographs}
        by_source = len(sources) > 1
        keys = [photo.source or index if by_source else index for index, photo in enumerate(photographs)]
        places = {key: place for place, key in enumerate(dict.fromkeys(keys))}
        members = torch.tensor([places[key] for key in keys], dtype=torch.long)
        return cls(members, "source" if by_source else "photograph", resamples, seed)

    @property
    def groups(self) -> int:
        """How many there are to draw from."""
        return int(self.members.max()) + 1 if len(self.members) else 0

    def intervals(self, statistic: Statistic) -> list[Interval]:
        """One for each of the statistic's k values; NaN where no resample has one."""
        return percentiles(self.drawn(statistic))

    def drawn(self, statistic: Statistic) -> Tensor:
        """The statistic's values, float64 (resamples, k)."""
        return torch.cat([statistic(weights).view(len(weights), -1) for weights in self._weights()])

    def interval(self, statistic: Statistic) -> Interval:
        """Of a statistic of one value."""
        return self.intervals(statistic)[0]

    def as_json(self) -> JsonValue:
        """How the intervals were made."""
        return {"by": self.by, "groups": self.groups, "resamples": self.resamples, "seed": self.seed}

    def _weights(self) -> Iterator[Tensor]:
        generator = torch.Generator().manual_seed(self.seed)
        step = max(1, self.at_once // max(1, len(self.members)))
        for start in range(0, self.resamples, step):
            rows = min(step, self.resamples - start)
            drawn = torch.randint(self.groups, (rows, self.groups), generator=generator)
            counts = torch.zeros(rows, self.groups, dtype=torch.float64)
            counts.scatter_add_(1, drawn, torch.ones_like(drawn, dtype=torch.float64))
            yield counts[:, self.members]


def percentiles(drawn: Tensor) -> list[Interval]:
    """The interval of each column, float (resamples, k); NaN where no resample has a value."""
    low, high = torch.nanquantile(drawn, torch.tensor(PERCENTILES, dtype=drawn.dtype), dim=0).tolist()
    return list(zip(low, high, strict=True))
