"""Staging buffer: where the pixels of a batch are gathered before they go to the device."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from model.preprocess import Pixels

Shape = tuple[int, int, int, int]


class Staging:
    """One buffer, which grows to the largest batch that there was.

    Whoever reads it must have done so before the next batch is staged.
    """

    def __init__(self, side: int, *, allocate: Callable[[Shape], npt.NDArray[np.uint8]]) -> None:
        self._side = side
        self._allocate = allocate
        self._buffer = np.empty((0, 3, side, side), dtype=np.uint8)

    def gather(self, images: Sequence[Pixels]) -> npt.NDArray[np.uint8]:
        """uint8 (N, 3, S, S), the images in order; a part of the buffer."""
        if len(images) > len(self._buffer):
            self._buffer = self._allocate((len(images), 3, self._side, self._side))
        staged = self._buffer[: len(images)]
        for place, pixels in zip(staged, images, strict=True):
            place[...] = pixels
        return staged
