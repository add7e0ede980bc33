"""Borderline pictures: synthetic ones whose tag hangs on little, with the probabilities that they had.

A runtime that multiplies otherwise moves every probability a little, and a tag where one is near its
threshold. Easy pictures do not show it. So a version carries some hundred pictures near its thresholds
(`borderline.safetensors`, made by `model.serving.borderline_search`). Each is a blend of two of a few small
ones, by whole numbers: the same, byte for byte, on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from model.manifest import Manifest
from model.preprocess import Pixels
from schemas.errors import ConfigurationError

SIDE: Final = 32
"""Of the small pictures, in pixels."""

WHOLE: Final = 1 << 16
"""The weights of the two pictures of a blend add up to this."""

NEAREST: Final = 0.002
"""A probability at least so far from the threshold: on its own side even where the last digits differ."""

FARTHEST: Final = 0.02
"""And at most so far: what moves it farther changes a tag."""

_SHAPES: Final = {"pictures": 4, "blends": 2, "decided": 1, "probabilities": 2}


@dataclass(frozen=True, slots=True)
class Borderline:
    """N pictures; one array each."""

    pictures: npt.NDArray[np.uint8]
    """(P, 3, SIDE, SIDE): what is blended."""
    blends: npt.NDArray[np.int32]
    """(N, 3): the first picture, the second one, and the second one's weight, 0 to WHOLE."""
    decided: npt.NDArray[np.int32]
    """(N,): the label, by its place, to whose threshold the picture is near."""
    probabilities: npt.NDArray[np.float64]
    """(N, labels): by torch in fp32, when the version was made."""

    def __len__(self) -> int:
        return len(self.blends)

    def pixels(self, row: int, *, side: int) -> Pixels:
        """The picture of `row` as a network of `side` pixels is fed it: uint8 (3, side, side)."""
        first, second, weight = (int(value) for value in self.blends[row])
        return blended(self.pictures[first], self.pictures[second], weight, side=side)

    def encoded(self) -> bytes:
        """As a safetensors file."""
        return save_tensors({name: getattr(self, name) for name in _SHAPES})

    @classmethod
    def decoded(cls, data: bytes, *, manifest: Manifest) -> Self:
        """Out of a version's file. Raises `ConfigurationError` where it is not one of this version's."""
        try:
            arrays: dict[str, npt.NDArray[Any]] = load_tensors(data)
            found = cls(**arrays)
        except (SafetensorError, TypeError, ValueError, KeyError) as error:
            raise ConfigurationError(f"the borderline pictures are no file of ours: {error}") from error
        found.refuse_foreign(manifest)
        return found

    def refuse_foreign(self, manifest: Manifest) -> None:
        """Raises `ConfigurationError` where the arrays do not belong together, or to this version."""
        numbers, labels = len(self.blends), len(manifest.labels)
        fits = (
            all(getattr(self, name).ndim == axes for name, axes in _SHAPES.items())
            and self.pictures.shape[1:] == (3, SIDE, SIDE)
            and self.pictures.dtype == np.uint8
            and self.blends.shape[1:] == (3,)
            and self.decided.shape == (numbers,)
            and self.probabilities.shape == (numbers, labels)
        )
        if not fits or (numbers and not self._in_bounds(labels)):
            raise ConfigurationError("the borderline pictures are not of this version")

    def _in_bounds(self, labels: int) -> bool:
        places, weights = self.blends[:, :2], self.blends[:, 2]
        return bool(
            (places >= 0).all()
            and (places < len(self.pictures)).all()
            and (weights >= 0).all()
            and (weights <= WHOLE).all()
            and (self.decided >= 0).all()
            and (self.decided < labels).all()
        )


def blended(first: Pixels, second: Pixels, weight: int, *, side: int) -> Pixels:
    """uint8 (3, side, side) of two of (3, SIDE, SIDE): mixed, then enlarged by repeating pixels."""
    mixed = (first.astype(np.uint32) * (WHOLE - weight) + second.astype(np.uint32) * weight) >> 16
    places = repeated(side)
    return np.ascontiguousarray(mixed.astype(np.uint8)[:, places][:, :, places])


def repeated(side: int) -> npt.NDArray[np.intp]:
    """(side,): the pixel, 0 to SIDE - 1, that stands at each place of an enlarged row or column."""
    return np.arange(side) * SIDE // side
