"""A file that cannot be decoded is refused in plain words, not in those of a decoder's inside."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from model.preprocess import Preprocess
from model.refusals import damage
from schemas.errors import Rejected

INNER = (
    "bytes not processed",
    "MAX_",
    "_io.",
    "0x",
    "stream",
    "buffer",
    "bomb",
    "attack",
    "Pillow",
    "object",
)
KINDS = ("JPEG", "PNG", "GIF", "WEBP", "AVIF")


def photograph(kind: str) -> bytes:
    target = BytesIO()
    pixels = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(target, kind)
    return target.getvalue()


def refusal(data: bytes) -> str:
    with pytest.raises(Rejected) as caught:
        Preprocess(size=32).decode(data)
    return str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.02, 0.1, 0.4, 0.8])
def test_a_file_that_is_cut_short_is_called_damaged_by_its_format_in_plain_words(
    kind: str, share: float
) -> None:
    data = photograph(kind)
    said = refusal(data[: max(16, int(len(data) * share))])
    assert said.startswith(f"damaged {kind} image: ")
    assert not [word for word in INNER if word in said]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError("image file is truncated (86 bytes not processed)"), "it is cut short"),
        (OSError("broken data stream when reading image file"), "its pixels cannot be decoded"),
        (
            OSError("unrecognized data stream contents when reading image file"),
            "its pixels cannot be decoded",
        ),
        (OSError("buffer overrun when reading image file"), "its pixels cannot be decoded"),
        (
            ValueError("Decompressed data too large for PngImagePlugin.MAX_TEXT_CHUNK"),
            "it unpacks to more than any photograph",
        ),
        (ValueError("Invalid input: Unspecified: Insufficient input data"), "it is cut short"),
        (
            ValueError("Invalid input: Invalid grid data: Grid tiles do not cover whole image"),
            "Invalid grid data: Grid tiles do not cover whole image",
        ),
        (KeyError(259), "it cannot be read"),
        (SyntaxError("no such slot <_io.BytesIO object at 0x7f>"), "it cannot be read"),
        (ValueError("a GIF without a picture"), "a GIF without a picture"),
    ],
)
def test_what_a_decoder_raises_is_told_in_a_plain_sentence(error: Exception, said: str) -> None:
    assert damage.told(error, b"") == f"damaged image: {said}"


def test_too_many_pixels_name_the_one_limit_that_was_passed_and_accuse_nobody() -> None:
    body = b"IHDR" + struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    png = photograph("PNG")
    said = refusal(png[:8] + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body)) + png[33:])
    assert "the cap is" in said
    assert not [word for word in INNER if word in said]
    assert said.count("cap") + said.count("limit") == 1
