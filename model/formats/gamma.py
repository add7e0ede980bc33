"""Gamma: the transfer that a PNG says its numbers have, undone and put into that of sRGB, as browsers do."""

from __future__ import annotations

from struct import Struct
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

Table = npt.NDArray[np.uint8]
"""For each number that a sample can be, what it is in sRGB."""

CHUNK: Final = Struct(">I")
ONE: Final = 100_000
"""A gamma of 1 in a chunk gAMA."""

SCREEN: Final = 2.2
NEAR: Final = 0.05
"""libpng's: as near to a screen's own gamma a picture stays as it is."""

LOWEST, HIGHEST = 0.1, 10.0
"""Beyond it no encoder means what it says."""

LINEAR: Final = 0.0031308
"""Of sRGB's curve: up to here it is a line."""


def of(body: bytes) -> float:
    """What the body of a gAMA chunk asks for; 1 / `SCREEN` if that is nothing that can be meant."""
    gamma = CHUNK.unpack(body)[0] / ONE if len(body) == CHUNK.size else 0
    return gamma if LOWEST <= gamma <= HIGHEST else 1 / SCREEN


def is_srgb(gamma: float) -> bool:
    """Whether numbers of that gamma may be shown as they are."""
    return abs(gamma * SCREEN - 1) <= NEAR


def table(gamma: float, levels: int) -> Table:
    """From samples of `levels` values to sRGB in 8 bits."""
    light: Floats = np.linspace(0, 1, levels) ** (1 / gamma)
    return np.rint(srgb(light) * 255).astype(np.uint8)


def srgb(light: Floats) -> Floats:
    """Light of 0 to 1 by the curve of sRGB."""
    return np.where(light <= LINEAR, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
