"""Which of a photograph's tags is its main one, learned from the dataset and taught to the network.

All tags of a photograph are true, but one is its main label, by rules nobody wrote down: a person beside a
dish makes it a photograph of a person. A network taught 1 for every tag cannot know that. Here the tags that
give way are taught a little less, so that the main one comes out on top and the others still count.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor

from model.data.dataset import Photograph

YIELDING: Final = 0.75
"""The target of a true tag beside a more dominant one, where nothing else is said: clearly below 1."""


class Dominance:
    """Which label wins over which, counted in photographs with both; the others are taught `yielding`."""

    def __init__(
        self, photographs: Sequence[Photograph], *, labels: tuple[str, ...], yielding: float
    ) -> None:
        self._yielding = yielding
        index = {label: i for i, label in enumerate(labels)}
        self.wins = torch.zeros(len(labels), len(labels))
        for photo in photographs:
            for other in photo.labels[1:]:
                self.wins[index[photo.main], index[other]] += 1

    def together(self, tags: Tensor) -> Tensor:
        """Targets (labels,) of a composite with the true `tags` (labels,), 0 or 1."""
        beaten = ((self.wins > self.wins.T) & (tags > 0)[:, None]).any(0)
        return torch.where(beaten, tags * self._yielding, tags)


def ranked(targets: Tensor, *, mains: Tensor, yielding: float) -> Tensor:
    """`targets` (N, labels), 0 or 1, with `yielding` for every true tag that is not the main one."""
    soft = targets * yielding
    known = mains >= 0
    soft[known, mains[known]] = 1.0
    return soft
