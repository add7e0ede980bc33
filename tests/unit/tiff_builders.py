"""TIFF files put together byte by byte: one strip a plane, any layout, more tags beside."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from struct import pack
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

LETTERS: Final = {1: "B", 2: "B", 3: "H", 4: "I"}

Tags = Mapping[int, tuple[int, tuple[int, ...]]]
"""Type and values, by tag."""


def written(
    tags: Tags, pixels: bytes, *, order: str = "<", is_big: bool = False, following: int = 0
) -> bytes:
    """A file whose pixels lie behind its header, then values of the tags, then the tags."""
    start = 16 if is_big else 8
    inline, wide = (8, "Q") if is_big else (4, "I")
    beside, entries = b"", b""
    for tag, (kind, values) in sorted(tags.items()):
        value = pack(f"{order}{len(values)}{LETTERS[kind]}", *values)
        field = value.ljust(inline, b"\0")
        if len(value) > inline:
            field = pack(order + wide, start + len(pixels) + len(beside))
            beside += value
        entries += pack(order + "HH" + wide, tag, kind, len(values)) + field
    at = start + len(pixels) + len(beside)
    name = b"II" if order == "<" else b"MM"
    head = pack(order + "HHHQ", 43, 8, 0, at) if is_big else pack(order + "HI", 42, at)
    count = pack(order + ("Q" if is_big else "H"), len(tags))
    return name + head + pixels + beside + count + entries + pack(order + wide, following)


def tiff(
    pixels: npt.NDArray[Any],
    photometric: int,
    *,
    order: Literal["<", ">"] = "<",
    is_big: bool = False,
    is_planar: bool = False,
    extra: int | None = None,
    compression: int = 1,
    more: Tags | None = None,
) -> bytes:
    """A page of those pixels, (height, width) or (height, width, samples)."""
    height, width = pixels.shape[:2]
    samples = 1 if pixels.ndim == 2 else pixels.shape[2]
    plane = pixels.astype(pixels.dtype.newbyteorder(order)).reshape(height, width, samples)
    pieces = [plane[..., n].tobytes() for n in range(samples)] if is_planar else [plane.tobytes()]
    if compression == 8:
        pieces = [zlib.compress(piece) for piece in pieces]
    start = 16 if is_big else 8
    offsets = tuple(start + sum(map(len, pieces[:n])) for n in range(len(pieces)))
    tags: dict[int, tuple[int, tuple[int, ...]]] = {
        256: (3, (width,)),
        257: (3, (height,)),
        258: (3, (pixels.dtype.itemsize * 8,) * samples),
        259: (3, (compression,)),
        262: (3, (photometric,)),
        273: (4, offsets),
        277: (3, (samples,)),
        278: (3, (height,)),
        279: (4, tuple(map(len, pieces))),
        284: (3, (2 if is_planar else 1,)),
    }
    if extra is not None:
        tags[338] = (3, (extra,))
    return written(tags | dict(more or {}), b"".join(pieces), order=order, is_big=is_big)


def picture(side: int = 48) -> npt.NDArray[np.uint8]:
    """Soft colours, no two corners alike."""
    across, down = np.meshgrid(np.arange(side), np.arange(side))
    return np.stack([across * 5, down * 5, (across + down) * 2], axis=-1).astype(np.uint8)
