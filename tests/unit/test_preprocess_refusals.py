"""What cannot be decoded is refused with its reason, as one of two errors and never as Pillow's own."""

from __future__ import annotations

import contextlib
import struct
import tracemalloc
import zlib
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from model.preprocess import MAX_MESSAGE, MAX_PIXELS, Preprocess, _line
from schemas.errors import ConfigurationError, TooManyPixels, Undecodable

PREPROCESS = Preprocess(size=32)


def noise(kind: str, **options: Any) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 255, (96, 96, 3), dtype=np.uint8)
    target = BytesIO()
    Image.fromarray(pixels).save(target, kind, **options)
    return target.getvalue()


def png_of(width: int, height: int) -> bytes:
    """A PNG whose header claims a size; its pixels are not there."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    return b"\x89PNG\r\n\x1a\n" + chunk + noise("PNG")[33:]


def refusal(data: bytes) -> str:
    with pytest.raises(Undecodable) as caught:
        PREPROCESS.decode(data)
    return str(caught.value)


def test_zero_bytes_are_refused_as_empty() -> None:
    assert "0 bytes" in refusal(b"")


def test_a_pdf_named_jpg_is_called_a_pdf() -> None:
    assert "PDF" in refusal(b"%PDF-1.7\n" + b"x" * 500)


def test_text_is_refused_with_the_list_of_accepted_formats() -> None:
    assert "JPEG, PNG, WEBP, GIF, AVIF" in refusal(b"good evening" * 40)


@pytest.mark.parametrize("kind", ["ICO", "PPM", "PCX"])
def test_a_format_that_pillow_opens_but_we_do_not_accept_is_refused(kind: str) -> None:
    assert "accepted format" in refusal(noise(kind))


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("PNG", {}),
        ("WEBP", {}),
        ("GIF", {}),
        ("AVIF", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("BMP", {}),
    ],
)
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_truncated_image_is_an_error_and_not_half_a_picture(
    kind: str, options: dict[str, Any], share: float
) -> None:
    data = noise(kind, **options)
    refusal(data[: int(len(data) * share)])


def test_a_png_bomb_is_refused_from_its_header_and_costs_nothing() -> None:
    bomb = png_of(30_000, 30_000)
    tracemalloc.start()
    with pytest.raises(TooManyPixels, match=r"900,000,000|30,000"):
        PREPROCESS.decode(bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000


@pytest.mark.parametrize(("width", "height"), [(10_000, 9_000), (13_000, 10_000)])
def test_more_pixels_than_the_cap_are_refused(width: int, height: int) -> None:
    with pytest.raises(TooManyPixels):
        PREPROCESS.decode(png_of(width, height))


def test_the_cap_is_a_setting() -> None:
    with pytest.raises(TooManyPixels, match="96 x 96"):
        Preprocess(size=32, max_pixels=96 * 96 - 1).decode(noise("PNG"))
    assert Preprocess(size=32, max_pixels=96 * 96).decode(noise("PNG")).shape == (3, 32, 32)


def test_a_cap_above_what_pillow_allows_is_a_wrong_setting() -> None:
    with pytest.raises(ConfigurationError, match="max_pixels"):
        Preprocess(max_pixels=MAX_PIXELS + 1)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "AVIF", "TIFF", "BMP"])
@settings(max_examples=40, deadline=None)
@given(st.data())
def test_whatever_is_flipped_nothing_but_a_rejection_leaves(kind: str, data: st.DataObject) -> None:
    damaged = bytearray(noise(kind))
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, min(len(damaged) - 1, 700)))
        damaged[place] = data.draw(st.integers(0, 255))
    with contextlib.suppress(Undecodable, TooManyPixels):
        assert PREPROCESS.decode(bytes(damaged)).shape == (3, 32, 32)


def test_many_threads_decode_at_once_and_agree() -> None:
    data = [noise(kind) for kind in ("JPEG", "PNG", "WEBP")] * 10
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(PREPROCESS.decode, data))
    assert all((found[i] == found[i % 3]).all() for i in range(len(found)))


def test_a_refusal_is_one_line_of_bounded_length_whatever_a_decoder_says() -> None:
    assert _line("No box\r\n\x1b[31m of \u202e kind\0") == "No box [31m of kind"
    assert len(_line("x" * 10_000)) == MAX_MESSAGE == 500


def test_a_side_that_pillow_cannot_count_is_the_file_s_fault_and_not_the_memory_s() -> None:
    target = BytesIO()
    Image.new("1", (65_536, 1)).save(target, "PNG")
    with pytest.raises(TooManyPixels, match="no side"):
        Preprocess(size=32).decode(target.getvalue())
