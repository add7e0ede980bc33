"""What stands beside the picture of a PNG never costs it, and never changes it unless it may."""

from __future__ import annotations

import zlib
from itertools import pairwise
from struct import pack

import numpy as np
import pytest

from model.formats.png_chunks import MAGIC, MAX_CHUNKS
from model.preprocess import Pixels, Preprocess
from schemas.errors import Undecodable
from tests.unit.png_builders import END, GREY, PALETTE, chunk, header, pixels, png, rows

SIDE = 8
PHOTOGRAPH = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
EXIF = b"II*\0\x08\0\0\0\x01\0\x12\1\3\0\1\0\0\0\x06\0\0\0\0\0\0\0"
XMP = b'XML:com.adobe.xmp\0\0\0\0\0<x tiff:Orientation="3"/>'
PROFILE = b"icc\0\0" + zlib.compress(bytes(200))

RIGHT = {
    b"pHYs": bytes(9),
    b"sRGB": b"\0",
    b"gAMA": pack(">I", 45_455),
    b"cHRM": bytes(32),
    b"iCCP": PROFILE,
    b"sBIT": b"\x08\x08\x08",
    b"bKGD": bytes(6),
    b"hIST": bytes(8),
    b"sPLT": b"a palette\0\x08" + bytes(6),
    b"tIME": bytes(7),
    b"tEXt": b"Comment\0soup",
    b"zTXt": b"Comment\0\0" + zlib.compress(b"soup"),
    b"iTXt": XMP,
    b"eXIf": b"II*\0\x08\0\0\0\0\0",
    b"cICP": b"\x01\x0d\0\x01",
    b"tRNS": b"\x01\x01\x02\x02\x03",
    b"acTL": pack(">II", 2, 0),
    b"fcTL": pack(">IIIIIHHBB", 0, 4, 4, 2, 2, 1, 10, 0, 0),
    b"fdAT": pack(">I", 1) + zlib.compress(bytes(SIDE * 25)),
    b"prVt": b"private",
    b"ABCD": b"of a kind that nobody knows",
}
"""Kinds that may stand beside a picture, each with a body that does not change it."""

HUGE = zlib.compress(bytes(3_000_000))


def decode(data: bytes) -> Pixels:
    return Preprocess(size=SIDE).decode(data)


def shows_the_photograph(data: bytes) -> bool:
    return bool((decode(data) == PHOTOGRAPH.transpose(2, 0, 1)).all())


BROKEN = {
    "a wrong checksum": lambda kind, body: chunk(kind, body, sum_off=1),
    "no body": lambda kind, _: chunk(kind),
    "a body cut short": lambda kind, body: chunk(kind, body[: len(body) // 2]),
    "noise for a body": lambda kind, _: chunk(kind, b"\xff" * 40 + b"\0\x09"),
    "a length too small": lambda kind, body: chunk(kind, body, length=max(0, len(body) - 3)),
    "a length too large": lambda kind, body: chunk(kind, body, length=len(body) + 5),
    "a length beyond the file": lambda kind, body: chunk(kind, body, length=2**31),
    "a twin": lambda kind, body: chunk(kind, body) * 2,
    "a huge body": lambda kind, body: chunk(kind, (body + b"\0\0\0\0\0\0" + HUGE).ljust(2 << 20, b"x")),
}


@pytest.mark.parametrize("fault", BROKEN)
@pytest.mark.parametrize("kind", RIGHT)
def test_no_fault_of_what_stands_beside_the_picture_costs_it(kind: bytes, fault: str) -> None:
    piece = BROKEN[fault](kind, RIGHT[kind])
    assert shows_the_photograph(png(PHOTOGRAPH, before=[piece])), "before the pixels"
    assert shows_the_photograph(png(PHOTOGRAPH, after=[piece])), "behind the pixels"


@pytest.mark.parametrize("kind", RIGHT)
def test_what_stands_where_it_may_not_costs_nothing(kind: bytes) -> None:
    piece, whole = chunk(kind, RIGHT[kind]), png(PHOTOGRAPH)
    assert shows_the_photograph(whole[:8] + piece + whole[8:]), "in front of the header"
    one, other = pixels(rows(PHOTOGRAPH), 2)
    size = header((SIDE, SIDE))
    assert shows_the_photograph(MAGIC + size + one + piece + other + END), "between the pixels"
    lying = chunk(kind, RIGHT[kind], length=2**30)
    assert shows_the_photograph(MAGIC + size + one + lying + other + END), "lying between the pixels"


@pytest.mark.parametrize("keyword", [b"iCCP", b"zTXt", b"iTXt"])
def test_texts_and_profiles_of_any_number_are_not_inflated(keyword: bytes) -> None:
    head = {b"iCCP": b"a\0\0", b"zTXt": b"a\0\0", b"iTXt": b"a\0\1\0\0\0"}[keyword]
    assert shows_the_photograph(png(PHOTOGRAPH, before=[chunk(keyword, head + HUGE)] * 1_000))


def test_a_suggested_palette_beside_a_picture_in_colours_costs_nothing() -> None:
    for piece in (chunk(b"PLTE", b"\1\2\3", sum_off=1), chunk(b"PLTE", b"\1"), chunk(b"PLTE", bytes(2_000))):
        assert shows_the_photograph(png(PHOTOGRAPH, before=[piece]))


def test_as_many_chunks_as_may_be_and_not_one_more() -> None:
    """Three are the header, the pixels, and the end."""
    assert shows_the_photograph(png(PHOTOGRAPH, before=[chunk(b"prVt")] * (MAX_CHUNKS - 3)))
    with pytest.raises(Undecodable, match="65,536 chunks"):
        decode(png(PHOTOGRAPH, before=[chunk(b"prVt")] * (MAX_CHUNKS - 2)))


def test_a_stale_xmp_turns_nothing_and_neither_does_a_packed_profile() -> None:
    raw = b"Raw profile type exif\0\nexif\n%8d\n%s\n" % (len(EXIF) + 6, (b"Exif\0\0" + EXIF).hex().encode())
    for piece in (
        chunk(b"iTXt", XMP),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(XMP[22:])),
        chunk(b"tEXt", raw),
        chunk(b"zTXt", raw.replace(b"\0", b"\0\0", 1)),
    ):
        assert shows_the_photograph(png(PHOTOGRAPH, before=[piece]))


@pytest.mark.parametrize("place", ["before", "after"])
def test_exif_turns_a_png_as_in_browsers_wherever_it_stands(place: str) -> None:
    turned = np.rot90(PHOTOGRAPH, -1).transpose(2, 0, 1)
    assert (decode(png(PHOTOGRAPH, **{place: [chunk(b"eXIf", EXIF)]})) == turned).all()  # type: ignore[arg-type]
    prefixed = [chunk(b"eXIf", b"Exif\0\0" + EXIF), chunk(b"iTXt", XMP)]
    assert (decode(png(PHOTOGRAPH, **{place: prefixed})) == turned).all()  # type: ignore[arg-type]


def test_exif_whose_checksum_is_wrong_turns_nothing() -> None:
    assert shows_the_photograph(png(PHOTOGRAPH, before=[chunk(b"eXIf", EXIF, sum_off=1)]))


def test_of_an_apng_the_default_picture_counts_whatever_its_animation_is() -> None:
    control = chunk(b"fcTL", pack(">IIIIIHHBB", 0, SIDE, SIDE, 0, 0, 1, 10, 0, 0))
    frame = chunk(b"fdAT", pack(">I", 2) + zlib.compress(bytes(SIDE * 25)))
    lead = chunk(b"acTL", pack(">II", 2, 0))
    assert shows_the_photograph(png(PHOTOGRAPH, before=[lead, control], after=[control, frame]))
    assert shows_the_photograph(png(PHOTOGRAPH, before=[lead], after=[control, frame])), "no part of it"
    assert shows_the_photograph(png(PHOTOGRAPH, before=[control, lead, lead], after=[frame, frame]))


def test_a_picture_whose_end_is_missing_is_whole_if_its_pixels_are() -> None:
    whole = png(PHOTOGRAPH)
    packed = len(pixels(rows(PHOTOGRAPH))[0])
    for cut in range(len(END) + 4 + 4):  # the last chunk, then two checksums of the pixels
        assert shows_the_photograph(whole[: len(whole) - cut]), f"{cut} bytes"
    for cut in range(len(END) + 10, packed):
        with pytest.raises(Undecodable):
            decode(whole[: len(whole) - cut])


def test_what_follows_the_end_is_passed_over() -> None:
    other = png(255 - PHOTOGRAPH)
    assert shows_the_photograph(png(PHOTOGRAPH) + other)
    assert shows_the_photograph(png(PHOTOGRAPH) + chunk(b"eXIf", EXIF) + bytes(1_000))
    assert shows_the_photograph(png(PHOTOGRAPH).replace(END, b"no chunk at all"))


@pytest.mark.parametrize("pieces", [1, 5])
def test_a_checksum_alone_that_is_wrong_does_not_cost_the_pixels(pieces: int) -> None:
    """They carry another one of their own."""
    whole = pixels(rows(PHOTOGRAPH), pieces)
    for place in range(len(whole)):
        parts = [each[:-4] + bytes(4) if at == place else each for at, each in enumerate(whole)]
        assert shows_the_photograph(MAGIC + header((SIDE, SIDE)) + b"".join(parts) + END)


def test_pixels_that_agree_with_neither_of_their_checksums_are_damaged() -> None:
    """Not packed, so that every byte that changes is a pixel and Pillow's decoder sees nothing wrong."""
    raw = rows(PHOTOGRAPH)
    for level, place in ((0, 60), (9, 60)):
        packed = bytearray(zlib.compress(raw, level))
        packed[place] ^= 4
        whole = chunk(b"IDAT", zlib.compress(raw, level))
        hurt = whole[:8] + bytes(packed) + whole[-4:]
        with pytest.raises(Undecodable):
            decode(MAGIC + header((SIDE, SIDE)) + hurt + END)


def test_pixels_whose_one_checksum_is_wrong_and_whose_other_is_cut_off_are_damaged() -> None:
    """Nothing is left that says that they are right, though all rows are there."""
    raw = zlib.compress(rows(PHOTOGRAPH), 0)
    parts = [chunk(b"IDAT", raw[start : start + 25]) for start in range(0, len(raw), 25)]
    whole = MAGIC + header((SIDE, SIDE)) + b"".join(parts)
    assert shows_the_photograph(whole[:-8])
    hurt = bytearray(whole)
    hurt[len(MAGIC) + 25 + len(parts[0]) + 12] ^= 4
    with pytest.raises(Undecodable, match="checksums"):
        decode(bytes(hurt[:-8]))


def test_pixels_of_which_a_chunk_is_lost_are_damaged() -> None:
    raw = zlib.compress(rows(PHOTOGRAPH), 0)
    parts = [chunk(b"IDAT", raw[start : start + 25]) for start in range(0, len(raw), 25)]
    head = MAGIC + header((SIDE, SIDE))
    assert shows_the_photograph(head + b"".join(parts) + END)
    for place, part in enumerate(parts):
        for hurt in (bytes(len(part)), part.replace(b"IDAT", b"IDAU"), part.replace(b"IDAT", b"\0DAT"), b""):
            with pytest.raises(Undecodable):
                decode(head + b"".join([*parts[:place], hurt, *parts[place + 1 :]]) + END)


def test_a_header_or_a_palette_whose_checksum_is_wrong_is_damage() -> None:
    whole, size = png(PHOTOGRAPH), header((SIDE, SIDE))
    with pytest.raises(Undecodable, match="the checksum of IHDR is wrong"):
        decode(whole.replace(size, size[:-1] + b"?"))
    indices = np.zeros((SIDE, SIDE), np.uint8)
    with pytest.raises(Undecodable, match="the checksum of PLTE is wrong"):
        decode(png(indices, 8, PALETTE, before=[chunk(b"PLTE", bytes(9), sum_off=1)]))
    with pytest.raises(Undecodable, match="palette is missing"):
        decode(png(indices, 8, PALETTE))


@pytest.mark.parametrize(
    ("size", "depth", "kind", "said"),
    [((0, 8), 8, GREY, "0 x 8 pixels"), ((8, 8), 3, GREY, "of a kind"), ((8, 8), 8, 7, "of a kind")],
)
def test_a_header_of_what_there_is_not_is_damage_and_told(
    size: tuple[int, int], depth: int, kind: int, said: str
) -> None:
    with pytest.raises(Undecodable, match=said):
        decode(MAGIC + header(size, depth, kind) + pixels(bytes(99))[0] + END)


def test_a_picture_without_pixels_or_without_a_header_is_damaged() -> None:
    with pytest.raises(Undecodable, match="its pixels are missing"):
        decode(MAGIC + header((SIDE, SIDE)) + END)
    with pytest.raises(Undecodable, match="its header is missing"):
        decode(MAGIC + pixels(rows(PHOTOGRAPH))[0] + END)


def test_a_file_of_starts_of_chunks_is_given_up_in_time() -> None:
    """Each says that it is about as long as the file: a search that sums up every one would be endless."""
    starts = b"".join(pack(">I", 1_000_000) + b"tEXt" + pack(">I", 400_000) + b"IDAT" for _ in range(50_000))
    with pytest.raises(Undecodable):
        decode(MAGIC + header((SIDE, SIDE)) + starts + END)


def test_apple_s_own_kind_is_refused_by_name() -> None:
    whole = png(PHOTOGRAPH)
    with pytest.raises(Undecodable, match="Apple's own kind"):
        decode(whole[:8] + chunk(b"CgBI", b"\x50\0\x20\2") + whole[8:])


def test_lengths_that_lie_are_found_out_in_any_number() -> None:
    lying = [chunk(kind, body, length=len(body) + 7) for kind, body in RIGHT.items()]
    for one, other in pairwise(lying):
        assert shows_the_photograph(png(PHOTOGRAPH, before=[one, other, one, chunk(b"sRGB", b"\0"), other]))
