"""BMP is read in all depths, run lengths, masks and both directions, with alpha as browsers have it."""

from __future__ import annotations

from io import BytesIO
from struct import pack

import numpy as np
import pytest
from PIL import Image

from model.preprocess import Preprocess
from schemas.errors import TooManyPixels, Undecodable
from tests.unit.bmp_builders import bmp

PREPROCESS = Preprocess(size=4)

RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)
PALETTE = bytes([0, 0, 255, 0, 255, 0, 0, 0])
"""Red and blue, as a BMP has them."""


def colours(data: bytes) -> list[tuple[int, ...]]:
    """The corners: top left, top right, bottom left, bottom right."""
    pixels = PREPROCESS.decode(data)
    return [tuple(map(int, pixels[:, y, x])) for y in (0, 3) for x in (0, 3)]


def refusal(data: bytes) -> str:
    with pytest.raises(Undecodable) as caught:
        PREPROCESS.decode(data)
    return str(caught.value)


def rows(*values: int, bits: int) -> bytes:
    """Four rows of four pixels, the lower two first; each of one value on its left and one on its right."""
    made = b""
    for left, right in (values[:2], values[:2], values[2:], values[2:]):
        row = 0
        for value in (left, left, right, right):
            row = row << bits | value
        width = 4 * bits
        padded = row << (-width % 8)
        packed = padded.to_bytes((width + 7) // 8, "big")
        if bits > 8:
            packed = b"".join(value.to_bytes(bits // 8, "little") for value in (left, left, right, right))
        made += packed.ljust((width + 31) // 32 * 4, b"\0")
    return made


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_palettes_of_each_depth(bits: int) -> None:
    data = bmp((4, 4), bits, rows(0, 1, 1, 1, bits=bits), palette=PALETTE)
    assert colours(data) == [BLUE, BLUE, RED, BLUE]


def test_the_oldest_header() -> None:
    palette = (bytes([0, 0, 255, 255, 0, 0])).ljust(768, b"\0")
    assert colours(bmp((4, 4), 8, rows(0, 1, 1, 1, bits=8), palette=palette, header=12)) == [
        BLUE,
        BLUE,
        RED,
        BLUE,
    ]


@pytest.mark.parametrize("header", [40, 52, 56, 108, 124])
@pytest.mark.parametrize(
    ("bits", "masks", "red", "blue"),
    [
        (16, (), 0x7C00, 0x1F),
        (16, (0xF800, 0x7E0, 0x1F), 0xF800, 0x1F),
        (16, (0xF00, 0xF0, 0xF), 0xF00, 0xF),
        (24, (), 0xFF0000, 0xFF),
        (32, (), 0xFF0000, 0xFF),
        (32, (0xFF, 0xFF00, 0xFF0000), 0xFF, 0xFF0000),
        (32, (0x3FF00000, 0xFFC00, 0x3FF), 0x3FF00000, 0x3FF),
    ],
)
def test_plain_pixels_and_masks(header: int, bits: int, masks: tuple[int, ...], red: int, blue: int) -> None:
    pixels = rows(red, blue, blue, blue, bits=bits)
    data = bmp((4, 4), bits, pixels, masks=masks, compression=3 if masks else 0, header=header)
    assert colours(data) == [BLUE, BLUE, RED, BLUE]


def test_top_down() -> None:
    data = bmp((4, -4), 24, rows(0xFF0000, 0xFF, 0xFF, 0xFF, bits=24))
    assert colours(data) == [RED, BLUE, BLUE, BLUE]
    masks = (0xF00, 0xF0, 0xF)
    data = bmp((4, -4), 16, rows(0xF00, 0xF, 0xF, 0xF, bits=16), masks=masks, compression=3)
    assert colours(data) == [RED, BLUE, BLUE, BLUE]


def test_the_fourth_byte_of_plain_pixels_is_no_alpha() -> None:
    assert colours(bmp((4, 4), 32, rows(*[0x00FF0000] * 4, bits=32))) == [RED] * 4


def test_a_mask_of_alpha_is_obeyed_unless_all_of_it_is_zero() -> None:
    masks = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    clear = rows(0x00FF0000, 0xFFFF0000, 0xFFFF0000, 0xFFFF0000, bits=32)
    assert colours(bmp((4, 4), 32, clear, masks=masks, compression=3, header=124)) == [RED, RED, WHITE, RED]
    empty = rows(*[0x00FF0000] * 4, bits=32)
    assert colours(bmp((4, 4), 32, empty, masks=masks, compression=3, header=124)) == [RED] * 4


def test_run_lengths_of_both_kinds() -> None:
    eight = bytes([2, 0, 2, 1, 0, 0, 0, 4, 0, 0, 1, 1, 0, 0, 4, 1, 0, 0, 0, 2, 0, 0, 4, 1, 0, 1])
    assert colours(bmp((4, 4), 8, eight, palette=PALETTE, compression=1)) == [BLUE, BLUE, RED, BLUE]
    four = bytes([4, 0x00, 0, 0, 0, 4, 0x01, 0x01, 0, 0, 4, 0x11, 0, 0, 4, 0x11, 0, 1])
    assert colours(bmp((4, 4), 4, four, palette=PALETTE, compression=2))[:2] == [BLUE, BLUE]


def test_what_is_cut_short_is_damaged() -> None:
    for whole in (
        bmp((4, 4), 24, rows(*[0xFF] * 4, bits=24)),
        bmp((4, 4), 8, bytes([4, 0, 0, 0] * 4 + [0, 1]), palette=PALETTE, compression=1),
    ):
        colours(whole)
        for length in range(2, len(whole) - 4):
            refusal(whole[:length])


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
def test_what_pillow_writes_is_the_same_as_a_png(mode: str) -> None:
    image = Image.fromarray(np.arange(49 * 3, dtype=np.uint8).reshape(7, 7, 3)).convert(mode)
    made = []
    for kind in ("BMP", "PNG"):
        target = BytesIO()
        image.save(target, kind)
        made.append(PREPROCESS.decode(target.getvalue()))
    assert (made[0] == made[1]).all()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (bmp((4, 4), 0, b"\xff\xd8\xff", compression=4), "around a JPEG"),
        (bmp((4, 4), 7, bytes(99)), "7 bits"),
        (bmp((0, 4), 24, bytes(99)), "no pixels"),
        (bmp((4, 4), 24, bytes(99), header=99), "header"),
        (bmp((9_000, 1_001), 8, bytes([4, 0]), compression=1, palette=PALETTE), "9,000,000"),
        (bmp((2_000, 2_000), 8, b"\1\0" * 2_000_001, compression=1, palette=PALETTE), "2,000,000 runs"),
    ],
)
def test_what_is_not_read_is_refused_by_name(data: bytes, said: str) -> None:
    assert said in refusal(data)


def test_too_many_pixels_are_told_from_the_header() -> None:
    with pytest.raises(TooManyPixels):
        PREPROCESS.decode(bmp((40_000, 40_000), 24, pack("<I", 0)))
