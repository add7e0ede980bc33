"""A JPEG is whole if all its blocks are there, and damaged if not; nothing beside them counts."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, JpegImagePlugin

from model.formats.jpeg import JpegPhotograph
from model.preprocess import Preprocess
from schemas.errors import TooManyPixels, Undecodable
from tests.unit.jpeg_builders import (
    behind_jfif,
    encoded,
    exif,
    in_planes,
    scan_at,
    scene,
    segment,
    xmp,
)

Levels = npt.NDArray[np.uint8]

SAMSUNG = b"\0\0\1\x0a\x0e\0\0\0Image_UTC_Data1526900000000SEFH\x6a\0\0\0\1\0\0\0\0\0\1\x0a\x24\0\0\0SEFT"
How = dict[str, Any]
KINDS: tuple[How, ...] = ({}, {"progressive": True}, {"optimize": True}, {"restart_marker_blocks": 7})
REDUCED = (60, 44)


def levels(data: bytes, *, reduced: tuple[int, int] | None = None) -> Levels:
    with JpegPhotograph(BytesIO(data)) as image:
        image.draft(None, reduced)
        image.load()
        return np.asarray(image)


def by_pillow(data: bytes, *, reduced: tuple[int, int] | None = None) -> Levels:
    with JpegImagePlugin.JpegImageFile(BytesIO(data)) as image:
        image.draft(None, reduced)
        return np.asarray(image)


def refused(data: bytes) -> str:
    with pytest.raises(Undecodable) as caught:
        Preprocess(size=32).decode(data)
    return str(caught.value)


@pytest.mark.parametrize("how", KINDS)
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("reduced", [None, (200, 100), (120, 88), REDUCED, (10, 10)])
def test_good_photographs_have_the_pixels_that_pillow_gives_them(
    how: How, mode: str, reduced: tuple[int, int] | None
) -> None:
    data = encoded(scene().convert(mode), **how)
    assert np.array_equal(levels(data, reduced=reduced), by_pillow(data, reduced=reduced))


@pytest.mark.parametrize("factors", [(1, 1), (2, 1), (1, 2), (2, 2), (3, 1), (4, 1), (1, 4), (2, 4), (3, 3)])
def test_chroma_may_be_sampled_in_any_way(factors: tuple[int, int]) -> None:
    luma, *chroma = scene().convert("YCbCr").split()
    size = (-(-scene().width // factors[0]), -(-scene().height // factors[1]))
    planes = (luma, *(plane.resize(size) for plane in chroma))
    data = in_planes(*planes, size=scene().size, factors=(factors, (1, 1), (1, 1)))
    assert np.array_equal(levels(data), by_pillow(data))
    assert np.abs(levels(data).astype(int) - np.asarray(scene())).mean() < 12


def test_both_chromas_may_be_sampled_each_in_its_own_way() -> None:
    luma, blue, red = scene().convert("YCbCr").split()
    planes = (luma, blue.resize((120, 176)), red.resize((240, 88)))
    data = in_planes(*planes, size=(240, 176), factors=((2, 2), (1, 2), (2, 1)))
    assert np.array_equal(levels(data), by_pillow(data))


def test_light_itself_may_be_stored_without_luma() -> None:
    data = encoded(keep_rgb=True)
    assert np.array_equal(levels(data), by_pillow(data))


@pytest.mark.parametrize("how", KINDS)
@pytest.mark.parametrize("behind", [b"", SAMSUNG, b"\0" * 9, b"\xff", bytes(5_000), b"text behind it" * 9])
def test_a_photograph_without_its_end_marker_is_whole_if_its_blocks_are_there(
    how: How, behind: bytes
) -> None:
    whole = encoded(**how)
    assert np.array_equal(levels(whole[:-2] + behind), levels(whole))


@pytest.mark.parametrize("how", KINDS)
@pytest.mark.parametrize("padding", [b"\0", bytes(40), b"\x55" * 3])
def test_bytes_that_fill_the_last_scan_up_cost_nothing(how: How, padding: bytes) -> None:
    whole = encoded(**how)
    assert np.array_equal(levels(whole[:-2] + padding + whole[-2:]), levels(whole))


@pytest.mark.parametrize("how", KINDS)
@pytest.mark.parametrize("end", [b"", b"\xff\xd9"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_one_that_is_cut_within_its_blocks_is_damaged(how: How, end: bytes, share: float) -> None:
    whole = encoded(**how)
    first = scan_at(whole)
    cut = first + int((len(whole) - first) * share)
    assert refused(whole[:cut] + end).startswith("damaged")


@pytest.mark.parametrize("end", [b"", b"\xff\xd9"])
def test_one_that_is_cut_between_two_scans_is_damaged(end: bytes) -> None:
    whole = encoded(progressive=True)
    for number in range(1, whole.count(b"\xff\xda")):
        before = whole.rindex(b"\xff\xda", 0, scan_at(whole, number))
        assert "scans are missing" in refused(whole[:before] + end)


def test_one_whose_colours_never_came_is_damaged() -> None:
    planes = scene().convert("YCbCr").split()
    whole = in_planes(*planes, size=(240, 176), factors=((1, 1),) * 3)
    assert "scans are missing" in refused(whole[: whole.rindex(b"\xff\xda")] + b"\xff\xd9")


@pytest.mark.parametrize("length", [300, 512, 1024])
@pytest.mark.parametrize("share", [0.1, 0.35, 0.6, 0.8])
def test_zeros_within_the_blocks_are_damage(length: int, share: float) -> None:
    whole = bytearray(encoded(quality=95))
    at = scan_at(whole) + int((len(whole) - scan_at(whole)) * share)
    whole[at : at + length] = bytes(length)
    assert refused(bytes(whole)).startswith("damaged")


@pytest.mark.parametrize("how", KINDS)
def test_one_whose_second_half_was_never_written_is_damaged(how: How) -> None:
    whole = encoded(**how)
    half = scan_at(whole) + (len(whole) - scan_at(whole)) // 2
    assert refused(whole[:half] + bytes(len(whole) - half)).startswith("damaged")
    assert refused(whole[:half] + bytes(len(whole) - half) + b"\xff\xd9").startswith("damaged")


@pytest.mark.parametrize("how", KINDS)
def test_a_piece_that_came_twice_is_damage(how: How) -> None:
    whole = encoded(**how)
    at = scan_at(whole) + 700
    assert refused(whole[:at] + whole[at - 100 : at] + whole[at:]).startswith("damaged")


def test_a_lost_restart_is_damage() -> None:
    whole = encoded(restart_marker_blocks=7)
    at = whole.index(b"\xff\xd3", scan_at(whole))
    after = whole.index(b"\xff\xd4", at)
    assert refused(whole[:at] + whole[after:]).startswith("damaged")


def test_zeros_are_no_damage_where_they_stand_for_nothing() -> None:
    even = Image.new("RGB", (900, 900), (90, 140, 200))
    for how in KINDS:
        data = encoded(even, **how)
        assert np.array_equal(levels(data), by_pillow(data))


BESIDE = {
    "a JFIF segment that is cut": segment(0xE0, b"JFIF\0"),
    "a JFIF segment of version 9": segment(0xE0, b"JFIF\0\x09\x09\0\0\1\0\1\0\0"),
    "an Adobe segment that is cut": segment(0xEE, b"Adobe"),
    "an empty Adobe segment": segment(0xEE, b""),
    "a profile without parts": segment(0xE2, b"ICC_PROFILE\0"),
    "a profile that is none": segment(0xE2, b"ICC_PROFILE\0\1\1" + b"none" * 99),
    "Photoshop resources that are cut": segment(0xED, b"Photoshop 3.0\0" + b"8BIM\3\xed"),
    "Exif that is cut": segment(0xE1, b"Exif\0\0II*\0\x08"),
    "an index of further pictures that is none": segment(0xE2, b"MPF\0II*\0" + bytes(30)),
    "a segment of no length": b"\xff\xe7\0\0",
    "a hundred full segments": segment(0xEB, bytes(65_533)) * 100,
    "bytes between segments": b"left over",
    "comments": segment(0xFE, b"words") * 40,
}


@pytest.mark.parametrize("name", BESIDE)
def test_what_stands_beside_the_picture_never_costs_it(name: str) -> None:
    whole = encoded()
    assert np.array_equal(levels(behind_jfif(whole, BESIDE[name])), levels(whole))
    without = whole[:2] + BESIDE[name] + whole[20:]
    assert np.array_equal(levels(without), levels(whole))


@pytest.mark.parametrize("transform", [0, 1, 2, 9, 255])
def test_an_unknown_transform_is_the_usual_one(transform: int) -> None:
    whole = encoded(scene().convert("CMYK"))
    adobe = segment(0xEE, b"Adobe\0\x64\0\0\0\0" + bytes([transform]))
    assert np.array_equal(levels(whole[:2] + adobe + whole[2:]), by_pillow(whole[:2] + adobe + whole[2:]))


def test_only_the_first_exif_block_turns_a_photograph() -> None:
    upright, turned = (
        Preprocess(size=32).decode(encoded()),
        encoded(scene().transpose(Image.Transpose.ROTATE_90)),
    )
    as_stored = Preprocess(size=32).decode(turned)
    assert not np.array_equal(upright, as_stored)
    assert np.abs(Preprocess(size=32).decode(behind_jfif(turned, exif(6))) - upright.astype(int)).mean() < 4
    assert np.array_equal(Preprocess(size=32).decode(behind_jfif(turned, xmp(6))), as_stored)
    assert np.array_equal(
        Preprocess(size=32).decode(behind_jfif(turned, exif(1), xmp(6), exif(6))), as_stored
    )


def test_arithmetic_coding_needs_its_end_marker() -> None:
    """Its decoder takes zeros for what is missing, and says nothing."""
    whole = encoded()
    at = whole.index(b"\xff\xc0")
    arithmetic = whole[: at + 1] + b"\xc9" + whole[at + 2 : -2]
    assert "cut short" in refused(arithmetic)


def test_a_jpeg_is_held_to_the_cap_by_what_is_decoded_of_it() -> None:
    large = encoded(Image.new("L", (12_000, 9_000), 90), quality=30)
    small = Preprocess(size=32, max_pixels=1_500 * 1_125)
    assert small.decode(large).shape == (3, 32, 32)
    with pytest.raises(TooManyPixels):
        Preprocess(size=32, max_pixels=1_500 * 1_125 - 1).decode(large)


@pytest.mark.parametrize(("size", "said"), [((16_000, 15_626), "250,000,000"), ((65_535, 65_535), "cap")])
def test_a_jpeg_may_have_250_megapixels_and_not_one_more(size: tuple[int, int], said: str) -> None:
    whole = bytearray(encoded())
    at = whole.index(b"\xff\xc0") + 5
    whole[at : at + 4] = size[1].to_bytes(2, "big") + size[0].to_bytes(2, "big")
    with pytest.raises(TooManyPixels, match=said):
        Preprocess(size=32).decode(bytes(whole))


def test_what_has_to_be_kept_until_the_last_scan_is_held_to_its_bytes() -> None:
    whole = bytearray(encoded(progressive=True, subsampling=0))
    at = whole.index(b"\xff\xc2") + 5
    whole[at : at + 4] = (12_000).to_bytes(2, "big") * 2
    with pytest.raises(TooManyPixels, match="750,000,000 bytes"):
        Preprocess(size=32).decode(bytes(whole))
