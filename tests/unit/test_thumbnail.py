"""A thumbnail shows what the model sees, and a picture that cannot be read has none."""

from __future__ import annotations

from io import BytesIO
from struct import pack

import numpy as np
import pytest
from PIL import Image

from model import thumbnail
from model.formats.opening import FORMATS
from model.formats.png_chunks import MAX_CHUNKS
from model.preprocess import Preprocess
from tests.unit import gif_builders
from tests.unit.png_builders import GREY, PALETTE, RGB, chunk, png

SIDE = 16
RANDOM = np.random.default_rng(0)
COLOURS = RANDOM.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint16)
GREYS = COLOURS[..., :1]
TURNED = chunk(b"eXIf", b"II*\0\x08\0\0\0\x01\0\x12\1\3\0\1\0\0\0\x06\0\0\0\0\0\0\0")
LINEAR = chunk(b"gAMA", pack(">I", 100_000))
ENTRIES = chunk(b"PLTE", RANDOM.bytes(768))

PHOTOGRAPHS = {
    "colours": png(COLOURS, 8, RGB),
    "turned": png(COLOURS, 8, RGB, before=[TURNED]),
    "linear light": png(COLOURS, 8, RGB, before=[LINEAR]),
    "grey of 16 bits": png(GREYS * 257, 16, GREY),
    "transparent grey of 16 bits": png(
        GREYS * 257, 16, GREY, before=[chunk(b"tRNS", pack(">H", int(GREYS[3, 3, 0]) * 257))]
    ),
    "a palette": png(GREYS, 8, PALETTE, before=[ENTRIES]),
    "a palette that is clear in part": png(GREYS, 8, PALETTE, before=[ENTRIES, chunk(b"tRNS", bytes(99))]),
    "a GIF whose frame is smaller": gif_builders.gif(
        (SIDE, SIDE), gif_builders.frame(COLOURS[:5, :7, 0].astype(np.uint8) % 64, at=(2, 3))
    ),
}


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_it_shows_what_the_model_sees(name: str) -> None:
    data = PHOTOGRAPHS[name]
    with Image.open(BytesIO(data), formats=FORMATS) as image:
        shown = np.asarray(thumbnail.thumbnail(image, SIDE))
    assert (shown.transpose(2, 0, 1) == Preprocess(size=SIDE).decode(data)).all()


@pytest.mark.parametrize(
    "data",
    [
        b"no picture",
        png(COLOURS, 8, RGB)[:-60],
        png(COLOURS, 8, RGB, before=[chunk(b"prVt")] * MAX_CHUNKS),
        gif_builders.gif((SIDE, SIDE)),
    ],
)
def test_a_picture_that_cannot_be_read_has_none(data: bytes) -> None:
    assert thumbnail.opened(BytesIO(data), SIDE, quality=72) is None
