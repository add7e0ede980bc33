"""Small JPEG: a decoded photograph reduced into a box and encoded anew, without any metadata.

Of the file that somebody has sent nothing is left but its pixels, as the pipeline sees their colours.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import simplejpeg
from PIL import Image

QUALITY: Final = 82
"""Of thumbnails: what sites show."""


def fitted(size: tuple[int, int], side: int) -> tuple[int, int]:
    """`size` with its longer side at most `side`, and never larger than it is; no side is 0."""
    scale = min(1.0, side / max(size))
    width, height = (max(1, round(each * scale)) for each in size)
    return width, height


def spared(size: tuple[int, int]) -> tuple[int, int]:
    """What a JPEG is decoded to, at least, for one of `size`: half as much again, so that it antialiases."""
    width, height = size
    return width + width // 2, height + height // 2


def reduced(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The RGB `picture` at that size."""
    if picture.size == size:
        return picture
    # Whole steps by the mean first, and room for the filter to antialias what they leave.
    return picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)


def encoded(picture: Image.Image, quality: int = QUALITY) -> bytes:
    """The upright RGB `picture` as a file: pixels alone."""
    rows = np.ascontiguousarray(np.asarray(picture, dtype=np.uint8))
    data: bytes = simplejpeg.encode_jpeg(rows, quality=quality, colorspace="RGB", colorsubsampling="420")
    return data


def most_bytes(side: int) -> int:
    """That a thumbnail of that side may have: as many as its pixels, which no JPEG of ours comes near."""
    return 3 * side**2
