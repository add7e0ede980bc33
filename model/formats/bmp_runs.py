"""Run lengths of a BMP: RLE8 and RLE4, unpacked in time and memory that its size bounds."""

from __future__ import annotations

from typing import Final

from schemas.errors import Undecodable

MOST: Final = 9_000_000
"""Pixels: it is unpacked in Python, a run at a time. A screen of 4K has 8.3 million."""

MOST_RUNS: Final = 2_000_000
"""A run of one pixel takes as long as one of 255."""

LINE, PICTURE, MOVE = 0, 1, 2
"""What a run of no pixels means by its second byte; from 3 on pixels follow as they are."""


def unpacked(data: bytes, size: tuple[int, int], *, nibbles: bool) -> bytes:
    """A byte a pixel, rows in the order of the file. Raises `Undecodable` where runs are missing."""
    width, height = size
    if width * height > MOST:
        raise Undecodable(f"a run-length BMP of more than {MOST:,} pixels: not read")
    page, end = bytearray(width * height), len(data) - 1
    at = x = y = runs = 0
    while y < height and at < end:
        count, value = data[at], data[at + 1]
        at, runs = at + 2, runs + 1
        if runs > MOST_RUNS:
            raise Undecodable(f"a run-length BMP of more than {MOST_RUNS:,} runs: not read")
        if count == 1 and x < width:  # a photograph is made of these: nothing is built for them
            page[y * width + x] = value >> 4 if nibbles else value
            x += 1
            continue
        if count:
            run = _alternating(count, value) if nibbles else bytes([value]) * count
        elif value == LINE:
            x, y = 0, y + 1
            continue
        elif value == PICTURE:
            return bytes(page)
        elif value == MOVE:
            right, down = data[at : at + 1], data[at + 1 : at + 2]
            x, y, at = x + int.from_bytes(right), y + int.from_bytes(down), at + 2
            continue
        else:
            length = (value + 1) // 2 if nibbles else value
            piece = data[at : at + length]
            run = _split(piece)[:value] if nibbles else piece
            at += length + length % 2
        fits = run[: max(0, width - x)]
        page[y * width + x : y * width + x + len(fits)] = fits
        x += len(run)
    # The mark of the end may be missing behind the last row, and nothing else.
    if y < height - 1 or (y == height - 1 and x < width):
        raise Undecodable("damaged BMP image: it is cut short")
    return bytes(page)


def _alternating(count: int, value: int) -> bytes:
    return (bytes([value >> 4, value & 15]) * ((count + 1) // 2))[:count]


def _split(packed: bytes) -> bytes:
    return bytes(half for value in packed for half in (value >> 4, value & 15))
