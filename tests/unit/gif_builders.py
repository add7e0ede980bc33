"""GIF files, put together block by block where no encoder would write them so."""

from __future__ import annotations

from collections.abc import Sequence
from struct import pack
from typing import Final

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.uint8]
"""(rows, columns) of a frame; below 64, so that no code table fills up."""

PALETTE: Final = np.random.default_rng(1).integers(0, 255, (64, 3), dtype=np.uint8)
"""No colour of it is white."""

BITS: Final = 6
CLEAR, END = 1 << BITS, (1 << BITS) + 1
TRAILER: Final = b";"


def extension(label: int, *blocks: bytes, end: bytes = b"\0") -> bytes:
    """Blocks of up to 255 bytes each."""
    return b"!" + bytes([label]) + b"".join(bytes([len(block)]) + block for block in blocks) + end


def control(transparent: int | None = None, *, disposal: int = 0) -> bytes:
    """A graphic control extension."""
    flags = disposal << 2 | (transparent is not None)
    return extension(0xF9, pack("<BHB", flags, 10, transparent or 0))


def codes(indices: Indices) -> bytes:
    """Of 7 bits each: a clear code comes so often that they never grow."""
    stream = [CLEAR]
    for place, index in enumerate(indices.reshape(-1).tolist()):
        if place and place % 32 == 0:
            stream.append(CLEAR)
        stream.append(index)
    stream.append(END)
    packed = sum(code << (BITS + 1) * place for place, code in enumerate(stream))
    return packed.to_bytes((len(stream) * (BITS + 1) + 7) // 8, "little")


def in_passes(indices: Indices) -> Indices:
    """Rows in the order of an interlaced frame."""
    return np.concatenate([indices[0::8], indices[4::8], indices[2::4], indices[1::2]])


def frame(
    indices: Indices,
    *,
    at: tuple[int, int] = (0, 0),
    size: tuple[int, int] | None = None,
    palette: bytes = b"",
    interlaced: bool = False,
) -> bytes:
    """A frame; its `palette`, if it has one of its own, is of 64 colours."""
    width, height = size or (indices.shape[1], indices.shape[0])
    flags = (0x85 if palette else 0) | (0x40 if interlaced else 0)
    packed = codes(in_passes(indices) if interlaced else indices)
    blocks = [packed[start : start + 255] for start in range(0, len(packed), 255)]
    chain = b"".join(bytes([len(block)]) + block for block in blocks) + b"\0"
    return b"," + pack("<HHHHB", *at, width, height, flags) + palette + bytes([BITS]) + chain


def gif(
    screen: tuple[int, int],
    *blocks: bytes,
    palette: bytes = PALETTE.tobytes(),
    background: int = 0,
    magic: bytes = b"GIF89a",
    end: Sequence[bytes] = (TRAILER,),
) -> bytes:
    """A whole GIF; its `palette`, if it has one for all frames, is of 64 colours."""
    flags = 0x85 if palette else 0
    return b"".join([magic, pack("<HHBBB", *screen, flags, background, 0), palette, *blocks, *end])
