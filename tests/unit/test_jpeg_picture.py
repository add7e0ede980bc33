"""What libjpeg gets of a file, and how many pieces that may have, to the piece."""

from __future__ import annotations

import pytest

from model.formats.jpeg_picture import MAX_SCANS, MAX_SEGMENTS, JpegPicture
from schemas.errors import Undecodable
from tests.unit.jpeg_builders import behind_jfif, encoded, exif, scan_at, segment, xmp

FIRST_SCAN = segment(0xDA, b"\x01\x01\x00\x00\x00\x01")
"""One that brings the first coefficient but its last bit."""


def test_only_the_picture_reaches_libjpeg() -> None:
    whole = encoded()
    noisy = behind_jfif(whole, exif(6), xmp(6), segment(0xED, b"8BIM" * 99), segment(0xFE, b"words"))
    assert JpegPicture(noisy).stream() == JpegPicture(whole).stream()
    assert JpegPicture(noisy + b"behind").stream() == JpegPicture(whole).stream()


def test_a_good_file_reaches_it_byte_for_byte_but_for_its_jfif_segment() -> None:
    for how in ("streamtype", "progressive", "optimize", "restart_marker_blocks"):
        whole = encoded(**{how: how != "streamtype"})
        assert JpegPicture(whole).stream()[20:] == whole[20:]


def test_parameters_of_a_sequential_scan_are_what_they_can_be() -> None:
    whole = bytearray(encoded())
    at = scan_at(whole) - 3
    whole[at : at + 3] = b"\x07\x09\x11"
    assert JpegPicture(bytes(whole)).stream() == JpegPicture(encoded()).stream()


def test_the_first_exif_block_is_read_and_no_other() -> None:
    picture = JpegPicture(behind_jfif(encoded(), xmp(3), exif(6), exif(8)))
    assert picture.exif == exif(6)[4:]


def test_the_picture_ends_with_the_scan_that_completes_it() -> None:
    """Whatever a trailer looks like."""
    trailer = b"\xff\xc0\xff\xda\xff\xc4\xff\xdb"
    for progressive in (False, True):
        whole = encoded(progressive=progressive)
        assert not JpegPicture(whole[:-2] + trailer).has_end
        assert JpegPicture(whole[:-2] + trailer).stream() == JpegPicture(whole).stream()


@pytest.mark.parametrize("piece", [segment(0xFE, b""), b"\xff\xd0", segment(0xE5, b"x")])
def test_as_many_segments_as_may_be_and_not_one_more(piece: bytes) -> None:
    whole = encoded()
    room = MAX_SEGMENTS - len(encoded_segments(whole))
    assert JpegPicture(behind_jfif(whole, piece * room)).has_end
    with pytest.raises(Undecodable, match="segments"):
        JpegPicture(behind_jfif(whole, piece * (room + 1)))


def test_as_many_scans_as_may_be_and_not_one_more() -> None:
    whole = encoded(progressive=True)
    first = whole.index(b"\xff\xda")
    room = MAX_SCANS - whole.count(b"\xff\xda")
    assert JpegPicture(whole[:first] + FIRST_SCAN * room + whole[first:]).has_end
    with pytest.raises(Undecodable, match="scans"):
        JpegPicture(whole[:first] + FIRST_SCAN * (room + 1) + whole[first:])


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xd8\xff",
        b"\xff\xd8\xff\xd9",
        b"\xff\xd8" + FIRST_SCAN,
        b"\xff\xd8" + segment(0xC0, b""),
        b"\xff\xd8" + segment(0xC0, b"\x08\0\x10\0\x10\x01"),
        b"\xff\xd8" + segment(0xC0, b"\x08\0\x10\0\x10\x01\x01\x00\x00") + FIRST_SCAN,
        b"\xff\xd8" + segment(0xC0, b"\x08\0\0\0\x10\x01\x01\x11\x00") + FIRST_SCAN,
        b"\xff\xd8" + segment(0xC0, b"\x08\0\x10\0\x10\x01\x01\x11\x00") + segment(0xDA, b"\x04\x01"),
        b"\xff\xd8" + segment(0xC0, b"\x08\0\x10\0\x10\x01\x01\x11\x00") + segment(0xDA, b""),
    ],
)
def test_what_holds_no_picture_says_so(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"picture|cut short|frame|missing"):
        JpegPicture(data)


def test_what_is_another_jpeg_says_so() -> None:
    frame = encoded().index(b"\xff\xc0")
    with pytest.raises(Undecodable, match="JPEG-LS"):
        JpegPicture(b"\xff\xd8" + segment(0xF7, b"\x08\0\x10\0\x10\x01\x01\x11\x00"))
    for bits in (2, 12, 16):
        with pytest.raises(Undecodable, match=f"of {bits} bits"):
            JpegPicture(encoded()[: frame + 4] + bytes([bits]) + encoded()[frame + 5 :])


def encoded_segments(file: bytes) -> list[int]:
    """Where each marker of a file of one scan stands; compressed data holds no more than stuffed bytes."""
    header = file[: scan_at(file)]
    return [at for at in range(2, len(header)) if header[at] == 0xFF and header[at + 1] >= 0xC0] + [len(file)]
