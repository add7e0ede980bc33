"""Colour: whatever a decoder hands over, as 8 bits of red, green, and blue on white."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from PIL import Image

STRIP: Final = 1 << 20
"""Pixels that are laid on white at a time."""


def rgb(image: Image.Image) -> Image.Image:
    """The `image` in 8 bits of red, green, and blue; what is transparent is white."""
    image.load()  # before it nobody knows what is transparent
    if image.mode.startswith("I"):
        return eight_bits(image).convert("RGB")
    if image.has_transparency_data:
        return on_white(image)
    return image.convert("RGB")


def eight_bits(image: Image.Image) -> Image.Image:
    """A 16-bit grey image in 8 bits; Pillow's own conversion would clip it to white."""
    return Image.fromarray((np.asarray(image) // 257).astype(np.uint8))


def on_white(image: Image.Image) -> Image.Image:
    """Strip by strip: a large image laid on white as a whole is in memory four times."""
    page = Image.new("RGB", image.size, "white")
    for box in strips(image.size):
        part = image.crop(box).convert("RGBA")
        page.paste(part, box, mask=part.getchannel("A"))
    return page


def strips(size: tuple[int, int]) -> Iterator[tuple[int, int, int, int]]:
    """Boxes of whole rows, about `STRIP` pixels each, that make up an image of that size."""
    width, height = size
    rows = max(1, STRIP // width)
    for top in range(0, height, rows):
        yield (0, top, width, min(top + rows, height))
