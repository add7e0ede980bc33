"""Fingerprints of what a picture would be if it were cropped: of all crops at once, from a small grey copy.

Scaling, cropping and the cosine transform of pHash are linear in rows and in columns, so that each is a
matrix, and all crops of a picture are two products.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

BITS: Final = 64
"""Of a hash."""

Hashes = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float32]

Box = tuple[float, float, float, float]
"""Left, upper, right, lower edge, as shares of the sides."""

Greys = npt.NDArray[np.uint8]
"""(N, SIDE, SIDE)."""

SIDE: Final = 48
"""Pixels of the grey copy."""

SCALES: Final = {1.0: 1, 0.9: 3, 0.8: 4, 0.7: 5}
"""What a crop keeps of a side, and at how many places; for each side by itself."""

SPANS: Final = tuple(
    (round(start, 3), round(start + scale, 3))
    for scale, places in SCALES.items()
    for start in (np.linspace(0, 1 - scale, places).tolist() if places > 1 else [0.0])
)
"""Parts of a side that a crop may keep; the first one is all of it."""

PIECES: Final = 3
"""Of a product: so small that the library of matrices takes one thread for it. Several would wait for each
other where other work has the cores, and burn the time."""

_LOW: Final = 8
_FINE: Final = 32
"""As imagehash has them: pHash is of 8 x 8 frequencies of 32 x 32 pixels, dHash of 8 x 9 pixels."""


@dataclass(frozen=True, slots=True)
class HashPairs:
    """pHash and dHash of as many crops."""

    phashes: Hashes
    dhashes: Hashes


def of_crops(greys: Greys) -> HashPairs:
    """Of every crop, each (N, crops); the first of them is the whole."""
    return _hashed(greys, *_matrices())


def of_wholes(greys: Greys) -> HashPairs:
    """Of the pictures as they are, each (N, 1)."""
    spectra, rows, columns = _matrices()
    return _hashed(greys, spectra[:1], rows[:1], columns[:1])


def _hashed(greys: Greys, spectra: Floats, rows: Floats, columns: Floats) -> HashPairs:
    pixels = greys.astype(np.float32)
    low = _products(spectra, pixels, spectra)
    half = np.partition(low.reshape(*low.shape[:3], -1), (31, 32), axis=-1)[..., 31:33].mean(-1)
    bright = _products(rows, pixels, columns)
    return HashPairs(_packed(low > half[..., None, None]), _packed(bright[..., 1:] > bright[..., :-1]))


def box(crop: int) -> Box:
    """Of the crop at that place."""
    (upper, lower), (left, right) = SPANS[crop // len(SPANS)], SPANS[crop % len(SPANS)]
    return left, upper, right, lower


def _products(left: Floats, pixels: Floats, right: Floats) -> Floats:
    """(N, spans, spans, rows, columns)."""
    spans, rows, side = left.shape
    columns = right.shape[1]
    half = left.reshape(-1, side) @ pixels
    pieces = np.array_split(right.reshape(-1, side).T, PIECES, axis=1)
    every = np.concatenate([half @ piece for piece in pieces], axis=-1, dtype=np.float32)
    return every.reshape(-1, spans, rows, spans, columns).transpose(0, 1, 3, 2, 4)


@cache
def _matrices() -> tuple[Floats, Floats, Floats]:
    """What makes frequencies, eight rows and nine columns of each span of a side."""
    steps = np.arange(_FINE)
    cosines = np.cos(np.pi * np.arange(_LOW)[:, None] * (2 * steps + 1) / (2 * _FINE))
    spectra = np.stack([cosines @ _resizer(_FINE, span) for span in SPANS]).astype(np.float32)
    rows = np.stack([_resizer(_LOW, span) for span in SPANS])
    columns = np.stack([_resizer(_LOW + 1, span) for span in SPANS])
    return spectra, rows, columns


def _resizer(size: int, span: tuple[float, float]) -> Floats:
    """(size, SIDE): what Pillow makes of a row of pixels, of its part in `span`."""
    unit = Image.fromarray(np.eye(SIDE, dtype=np.float32))
    box = (span[0] * SIDE, 0, span[1] * SIDE, SIDE)
    return np.asarray(unit.resize((size, SIDE), Image.Resampling.LANCZOS, box=box)).T.astype(np.float32)


def _packed(bits: npt.NDArray[np.bool_]) -> Hashes:
    rows = np.packbits(bits.reshape(len(bits), -1, bits.shape[-2] * bits.shape[-1]), axis=-1)
    return rows.view(">u8")[..., 0].astype(np.uint64)
