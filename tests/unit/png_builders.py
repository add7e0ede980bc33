"""PNG files, put together chunk by chunk where no encoder would write them so."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from struct import pack
from typing import Final

import numpy as np
import numpy.typing as npt

from model.formats.png_chunks import MAGIC

GREY, RGB, PALETTE, GREY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6

END: Final = b"\0\0\0\0IEND\xaeB`\x82"

PASSES: Final = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
"""Of an interlaced picture: first column, first row, and the steps from there."""

Samples = npt.NDArray[np.integer]
"""(rows, columns) or (rows, columns, samples)."""


def chunk(kind: bytes, body: bytes = b"", *, length: int | None = None, sum_off: int = 0) -> bytes:
    """One chunk; `length` is what it says it is, `sum_off` what its checksum is wrong by."""
    told = len(body) if length is None else length
    return pack(">I", told) + kind + body + pack(">I", zlib.crc32(kind + body) ^ sum_off)


def header(size: tuple[int, int], depth: int = 8, kind: int = RGB, interlaced: int = 0) -> bytes:
    """The chunk IHDR."""
    return chunk(b"IHDR", pack(">IIBBBBB", *size, depth, kind, 0, 0, interlaced))


def rows(samples: Samples, depth: int = 8) -> bytes:
    """Unfiltered rows of samples, ready to be packed."""
    flat = np.asarray(samples).reshape(len(samples), -1)
    if depth == 16:
        return b"".join(b"\0" + row.astype(">u2").tobytes() for row in flat)
    bits = (flat[..., None] >> np.arange(depth - 1, -1, -1)) & 1
    return b"".join(b"\0" + np.packbits(row.reshape(-1).astype(np.uint8)).tobytes() for row in bits)


def interlaced(samples: Samples, depth: int = 8) -> bytes:
    """The same in seven passes."""
    parts = [samples[y::down, x::right] for x, y, right, down in PASSES]
    return b"".join(rows(part, depth) for part in parts if part.size)


def pixels(raw: bytes, pieces: int = 1) -> list[bytes]:
    """Chunks IDAT."""
    packed = zlib.compress(raw)
    size = -(-len(packed) // pieces)
    return [chunk(b"IDAT", packed[start : start + size]) for start in range(0, len(packed), size)]


def png(
    samples: Samples,
    depth: int = 8,
    kind: int = RGB,
    *,
    before: Sequence[bytes] = (),
    after: Sequence[bytes] = (),
    in_passes: bool = False,
) -> bytes:
    """A whole PNG of these samples; chunks `before` and `after` its pixels."""
    size = (samples.shape[1], samples.shape[0])
    raw = interlaced(samples, depth) if in_passes else rows(samples, depth)
    return b"".join([MAGIC, header(size, depth, kind, int(in_passes)), *before, *pixels(raw), *after, END])
