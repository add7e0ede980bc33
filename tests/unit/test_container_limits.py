"""How many pieces a file may have, to the piece; and what of Pillow is set otherwise than it comes."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import pytest
from PIL import AvifImagePlugin, Image, JpegImagePlugin

from model.decoding import container_limits
from model.decoding.jpeg import JpegPhotograph
from model.preprocess import Preprocess
from schemas.errors import TooManyPixels, Undecodable

JPEG = b"\xff\xd8"
SCAN = b"\xff\xda\x00\x02"
COMMENT = b"\xff\xfe\x00\x02"
EXIF = b"\xff\xe1\x00\x08Exif\0\0"


def passes(data: bytes) -> bool:
    try:
        container_limits.check(data)
    except Undecodable:
        return False
    return True


@pytest.mark.parametrize(
    ("build", "cap"),
    [
        (lambda count: JPEG + COMMENT * (count - 1) + SCAN, container_limits.MAX_SEGMENTS),
        (lambda count: JPEG + SCAN + COMMENT * (count - 1), container_limits.MAX_SEGMENTS),
        (lambda count: JPEG + b"\xff\xd0" * (count - 1) + SCAN, container_limits.MAX_SEGMENTS),
        (lambda count: JPEG + SCAN * count, container_limits.MAX_SCANS),
        (lambda count: JPEG + EXIF * count + SCAN, container_limits.MAX_EXIF_PARTS),
        (lambda count: JPEG + b"\xff" * count + SCAN, container_limits.MAX_PADDING),
        (lambda count: JPEG + COMMENT + bytes(count) + SCAN, container_limits.MAX_PADDING),
        (lambda count: JPEG + COMMENT + bytes(count), container_limits.MAX_PADDING),
    ],
)
def test_as_many_pieces_as_may_be_and_not_one_more(build: Callable[[int], bytes], cap: int) -> None:
    assert passes(build(cap))
    assert not passes(build(cap + 1))


def test_what_follows_the_end_of_an_image_is_not_counted() -> None:
    assert passes(JPEG + SCAN + b"\xff\xd9" + SCAN * 10_000)


def test_compressed_data_is_not_taken_for_markers() -> None:
    assert passes(JPEG + SCAN + b"\xff\x00\xff\xd0\xff\xd7" * 100_000 + b"\xff\xd9")


def test_a_side_that_pillow_cannot_count_is_the_file_s_fault_and_not_the_memory_s() -> None:
    target = BytesIO()
    Image.new("1", (65_536, 1)).save(target, "PNG")
    with pytest.raises(TooManyPixels, match="no side"):
        Preprocess(size=32).decode(target.getvalue())


def test_jpeg_is_opened_without_a_look_at_its_printing_resolution() -> None:
    assert Image.OPEN["JPEG"][0] is JpegPhotograph
    assert callable(
        JpegImagePlugin.JpegImageFile._read_dpi_from_exif
    )  # overridden: a new name would undo that


def test_avif_is_decoded_in_the_thread_that_asks() -> None:
    assert AvifImagePlugin._get_default_max_threads() == 1
