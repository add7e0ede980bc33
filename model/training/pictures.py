"""A dataset's pictures, decoded once by the serving preprocess and kept as bytes in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from model.data.dataset import Photograph
from model.preprocess import Pixels, Preprocess
from model.training.dominance import ranked
from schemas.errors import ConfigurationError, Rejected

Tick = Callable[[str, int, int], None]
"""Told of progress: what is being done, how many are done, of how many."""

SOURCE_POWER = 0.4
"""A source of n pictures is drawn n ** 0.6 times as often as a source of one: no source drowns the others."""


def silent(what: str, done: int, total: int) -> None:
    """A `Tick` that says nothing."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """N decoded photographs.

    `images` uint8 (N, 3, S, S); `targets` float (N, labels), all zero for a negative.
    """

    images: Tensor
    targets: Tensor
    photographs: tuple[Photograph, ...]
    labels: tuple[str, ...]
    unreadable: tuple[str, ...] = ()
    """One line a file that could not be decoded: it is left out, and said."""

    def __len__(self) -> int:
        return len(self.photographs)

    @property
    def negative(self) -> Tensor:
        """Bool (N,): which have no tag at all."""
        return self.targets.sum(1) == 0

    @property
    def mains(self) -> Tensor:
        """Int (N,): the index of the main label, -1 for a negative."""
        index = {label: i for i, label in enumerate(self.labels)}
        return torch.tensor([index.get(photo.main, -1) for photo in self.photographs])

    @property
    def ranked(self) -> Tensor:
        """Float (N, labels): `targets`, with less for the tags that are not the main one."""
        return ranked(self.targets, mains=self.mains)

    @property
    def weights(self) -> Tensor:
        """Float (N,), mean 1: how much each counts, so that large sources and large labels do not rule."""
        keys = [(photo.main, photo.source) for photo in self.photographs]
        counts = Counter(keys)
        return balanced(torch.tensor([counts[key] ** -SOURCE_POWER for key in keys]), groups=self.mains)


def balanced(weights: Tensor, *, groups: Tensor) -> Tensor:
    """`weights` (N,) scaled so that each group (N,) has the same total, and the mean is 1."""
    scaled = weights.clone()
    for group in set(groups.tolist()):
        scaled[groups == group] /= weights[groups == group].sum()
    return scaled * (len(weights) / scaled.sum())


def load(
    photographs: Sequence[Photograph], *, labels: tuple[str, ...], preprocess: Preprocess, tick: Tick = silent
) -> Pictures:
    """Every photograph that decodes, in order. Raises `ConfigurationError` where none does."""
    with ThreadPoolExecutor(2) as pool:
        decoded = []
        for pixels in pool.map(lambda photo: _decode(photo, preprocess=preprocess), photographs):
            decoded.append(pixels)
            tick("decoding", len(decoded), len(photographs))
    kept = [
        (photo, found)
        for photo, found in zip(photographs, decoded, strict=True)
        if not isinstance(found, str)
    ]
    unreadable = tuple(found for found in decoded if isinstance(found, str))
    if not kept:
        raise ConfigurationError(
            f"none of the {len(photographs)} photographs can be read; {'; '.join(unreadable[:3])}"
        )
    return Pictures(
        images=torch.from_numpy(np.stack([found for _, found in kept])),
        targets=torch.tensor([[float(label in photo.labels) for label in labels] for photo, _ in kept]),
        photographs=tuple(photo for photo, _ in kept),
        labels=labels,
        unreadable=unreadable,
    )


def _decode(photo: Photograph, *, preprocess: Preprocess) -> Pixels | str:
    try:
        return preprocess.decode(photo.path.read_bytes())
    except Rejected as error:
        return f"{photo.path.name}: {error}"
