"""TIFF and BMP that claim sizes, loop, hold thousands of pieces, or are large in truth."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from struct import pack
from typing import Any

import numpy as np
from PIL import Image

from tests.hostile.builders import encoded, seed
from tests.hostile.case import ANY, PIXELS, TOO_MANY, UNDECODABLE, Case, case
from tests.unit.bmp_builders import bmp
from tests.unit.tiff_builders import Tags, picture, tiff, written

SIDE = 9_400
"""Squared, it is just below the cap."""

PALETTE = bytes(8)


def cases() -> Iterator[Case]:
    yield from _claims()
    yield from _tags()
    yield from _pieces()
    yield from _real()
    yield from _bitmaps()


def _page(more: Tags, **how: Any) -> bytes:
    return tiff(picture(), 2, more=more, **how)


def _repeated(tag: int, kind: int, value: int, count: int) -> bytes:
    return _page({tag: (kind, (value,) * count)})


def _patched(data: bytes, place: int, value: int) -> bytes:
    return data[:place] + pack("<I", value) + data[place + 4 :]


def _flat(mode: str, side: int, compression: str) -> bytes:
    return encoded(Image.new(mode, (side, side)), "TIFF", compression=compression)


def _claims() -> Iterator[Case]:
    for width, height in ((30_000, 30_000), (2**32 - 1, 2**32 - 1), (2**32 - 1, 1), (1, 70_000)):
        sides: Tags = {256: (4, (width,)), 257: (4, (height,))}
        yield case(f"tiff claims {width} x {height}", partial(_page, sides), TOO_MANY)
    for width, height in ((0, 48), (48, 0), (2_000, 2_000)):
        sides = {256: (4, (width,)), 257: (4, (height,)), 278: (4, (2**32 - 1,))}
        yield case(f"tiff claims {width} x {height}", partial(_page, sides))
        yield case(f"deflated tiff claims {width} x {height}", partial(_page, sides, compression=8))


def _tags() -> Iterator[Case]:
    for beside in (700, 34_377, 34_665, 34_675, 330, 50_341, 65_000):
        for kind, value, count in ((4, 2**32 - 1, 1), (4, 8, 200_000), (1, 65, 1_000_000)):
            yield case(
                f"tiff with {count} values of tag {beside}",
                partial(_repeated, beside, kind, value, count),
                PIXELS,
            )
    every: Tags = dict.fromkeys(range(20_000, 24_000), (3, (1,)))
    yield case("tiff of 4,000 tags", partial(_page, every), PIXELS)
    every = dict.fromkeys(range(1_000, 65_000), (3, (1,)))
    yield case("tiff of 64,000 tags", partial(_page, every))
    for needed in (256, 258, 259, 262, 273, 277, 279, 284, 317, 322, 325, 338, 339, 347):
        for value, count in ((0, 1), (2**32 - 1, 1), (1, 5_000)):
            yield case(
                f"tiff whose tag {needed} is {count} of {value}",
                partial(_repeated, needed, 4, value, count),
                *ANY,
            )
    whole = tiff(picture(), 2)
    for at in (0, 4, 8, len(whole) - 130, len(whole), 2**32 - 1):
        yield case(f"tiff whose first page lies at {at}", partial(_patched, whole, 4, at), *ANY)
        yield case(f"tiff whose next page lies at {at}", partial(_patched, whole, len(whole) - 4, at), PIXELS)
    big = written({}, b"", is_big=True)
    yield case("BigTIFF of 2**64 - 1 tags", lambda: big[:16] + b"\xff" * 8 + big[24:])
    yield case("BigTIFF whose page lies at 2**64 - 1", lambda: big[:8] + b"\xff" * 8 + big[16:])


def _pieces() -> Iterator[Case]:
    rows: Tags = {256: (4, (1,)), 257: (4, (65_535,)), 278: (4, (1,)), 273: (4, (8,) * 65_535)}
    counts: Tags = {279: (4, (3,) * 65_535)}
    yield case(
        "tiff of 65,535 strips on one another",
        partial(_page, {**rows, **counts}),
        PIXELS,
        UNDECODABLE,
        pixels=4_000_000,
    )
    yield case("tiff of 300,001 strips", partial(_page, {273: (4, (8,) * 300_001)}))
    for side in (0, 1, 7, 16, 4_096, 65_536, 2**31, 2**32 - 1):
        tiles: Tags = {322: (4, (side,)), 323: (4, (side,)), 324: (4, (8,)), 325: (4, (900,))}
        yield case(f"tiff of tiles of {side}", partial(_page, tiles), *ANY)
        yield case(f"deflated tiff of tiles of {side}", partial(_page, tiles, compression=8), *ANY)


def _real() -> Iterator[Case]:
    """Pixels that are really there, from files of some kilobytes."""
    for mode, compression in (("L", "tiff_adobe_deflate"), ("1", "group4"), ("P", "tiff_lzw")):
        yield case(
            f"tiff of {mode} below the cap",
            partial(_flat, mode, SIDE, compression),
            PIXELS,
            pixels=SIDE * SIDE,
        )
    for mode in ("RGBA", "CMYK", "I;16"):
        yield case(
            f"tiff of 36 megapixels of {mode}",
            partial(_flat, mode, 6_000, "tiff_adobe_deflate"),
            PIXELS,
            pixels=36_000_000,
        )
    deep = np.zeros((3_000, 3_000, 3), np.uint16)
    yield case(
        "tiff of 9 megapixels in 16 bits", partial(tiff, deep, 2, compression=8), PIXELS, pixels=9_000_000
    )
    yield case(
        "tiff on its side below the cap",
        lambda: encoded(
            Image.new("L", (SIDE, SIDE)), "TIFF", compression="tiff_adobe_deflate", tiffinfo={274: 6}
        ),
        PIXELS,
        pixels=SIDE * SIDE,
    )


def _bitmaps() -> Iterator[Case]:
    for size in ((30_000, 30_000), (2**31 - 1, -(2**31)), (65_536, 1)):
        yield case(f"bmp claims {size}", partial(bmp, size, 24, bytes(99)), TOO_MANY)
    for size in ((0, 5), (5, 0), (-5, 5), (9_000, 9_000)):
        yield case(f"bmp claims {size}", partial(bmp, size, 24, bytes(99)))
    for bits in range(65):
        yield case(f"bmp of {bits} bits", partial(bmp, (4, 4), bits, bytes(999), palette=PALETTE), *ANY)
    for number in range(1, 9):
        for bits in (1, 4, 8, 16, 24, 32):
            build = partial(bmp, (4, 4), bits, bytes(999), compression=number, palette=PALETTE)
            yield case(f"bmp of {bits} bits in compression {number}", build, *ANY)
    for masks in ((0, 0, 0), (2**32 - 1,) * 3, (1, 1, 1), (0xF0F0, 0x0F0F, 5)):
        build = partial(bmp, (4, 4), 32, bytes(999), compression=3, masks=masks)
        yield case(f"bmp of masks {masks}", build, PIXELS)
    yield from _pixels()


def _pixels() -> Iterator[Case]:
    for side, ending in ((1_400, PIXELS), (3_000, UNDECODABLE)):
        yield case(
            f"bmp of {side} x {side} runs of one pixel",
            partial(_singles, side),
            ending,
            pixels=side * side,
        )
    yield case("bmp of moves alone", partial(bmp, (9, 9), 8, b"\0\2\0\0" * 500_000, compression=1))
    half = (5_000, 4_000)
    for bits in (16, 24):
        yield case(
            f"bmp of 20 megapixels in {bits} bits",
            partial(_blank, half, bits),
            PIXELS,
            pixels=20_000_000,
        )
    masked = partial(_blank, (4_000, 4_000), 32, compression=3, masks=(0x3FF, 0xFFC00, 0x3FF00000))
    yield case("bmp of 16 megapixels in masks", masked, PIXELS, pixels=16_000_000)
    data = seed("BMP")
    for place in (2, 10, 14, 18, 22, 26, 28, 30, 34, 46, 50):
        for value in (0, 1, 2**31 - 1, 2**32 - 1):
            yield case(
                f"bmp whose field at {place} is {value}",
                partial(_patched, data, place, value),
                *ANY,
            )


def _singles(side: int) -> bytes:
    rows = (b"\1\0" * side + b"\0\0") * side
    return bmp((side, side), 8, rows, compression=1, palette=PALETTE)


def _blank(size: tuple[int, int], bits: int, **how: Any) -> bytes:
    return bmp(size, bits, bytes(size[0] * size[1] * bits // 8), **how)
