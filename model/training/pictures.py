"""Training set in memory: pictures decoded once by the serving preprocess, with their targets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from model.data.dataset import Photograph
from model.data.progress import Tick, silent
from model.preprocess import Preprocess
from model.training.decoded import DecodingJob

SOURCE_POWER = 0.4
"""A source of n pictures is drawn n ** 0.6 times as often as a source of one: no source drowns the others."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """N decoded photographs.

    `images` uint8 (N, 3, S, S); `targets` float (N, labels), all zero for a negative; `counted` bool
    (N, labels), False where the tag may or may not be true.
    """

    images: Tensor
    targets: Tensor
    counted: Tensor
    photographs: tuple[Photograph, ...]
    labels: tuple[str, ...]
    unreadable: tuple[str, ...] = ()
    """One line a file that could not be decoded: it is left out, and said."""
    digest: str = ""
    """sha256 of the pixels."""

    def __len__(self) -> int:
        return len(self.photographs)

    @property
    def negative(self) -> Tensor:
        """Bool (N,): which have no tag at all."""
        return torch.tensor([not photo.labels for photo in self.photographs])

    @property
    def mains(self) -> Tensor:
        """Int (N,): the index of the main label, -1 for a negative; of one label, 0 where it is true."""
        if len(self.labels) == 1:
            return (self.targets[:, 0] > 0).long() - 1
        index = {label: i for i, label in enumerate(self.labels)}
        return torch.tensor([index.get(photo.main, -1) for photo in self.photographs])

    @property
    def weights(self) -> Tensor:
        """Float (N,), mean 1: how much each counts, so that large sources and large labels do not rule."""
        groups = torch.where(self.negative, -2, self.mains)
        keys = list(zip(groups.tolist(), (photo.source for photo in self.photographs), strict=True))
        counts = Counter(keys)
        return balanced(torch.tensor([counts[key] ** -SOURCE_POWER for key in keys]), groups=groups)


def balanced(weights: Tensor, *, groups: Tensor) -> Tensor:
    """`weights` (N,) scaled so that each group (N,) has the same total, and the mean is 1."""
    scaled = weights.clone()
    for group in set(groups.tolist()):
        scaled[groups == group] /= weights[groups == group].sum()
    return scaled * (len(weights) / scaled.sum())


def load(
    photographs: Sequence[Photograph],
    *,
    labels: tuple[str, ...],
    preprocess: Preprocess | DecodingJob,
    tick: Tick = silent,
) -> Pictures:
    """Every photograph that decodes, in order. Raises `ConfigurationError` where none does."""
    decoding = preprocess if isinstance(preprocess, DecodingJob) else DecodingJob(preprocess)
    decoded = decoding.run(photographs, tick=tick)
    kept = tuple(photographs[place] for place in decoded.kept)
    return Pictures(
        images=decoded.pixels,
        targets=torch.tensor([[float(label in photo.labels) for label in labels] for photo in kept]),
        counted=torch.tensor([[label not in photo.maybe for label in labels] for photo in kept]),
        photographs=kept,
        labels=labels,
        unreadable=decoded.unreadable,
        digest=decoded.digest,
    )
