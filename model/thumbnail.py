"""Thumbnails: photographs made small for pages that are one file, as JPEG in a data: URI."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import IO, Final

import numpy as np
from PIL import Image, ImageOps

from model.data import gather, inspecting
from model.data.inspecting import Decodes
from model.data.photograph import Encoded
from model.data.progress import Tick, silent
from model.formats import colour, opening
from model.preprocess import MAX_PIXELS, Pixels, Preprocess
from schemas.errors import Rejected

SIDE: Final = 160
"""Pixels of the longer side of those that a decoder made."""
QUALITY: Final = 72
"""Of their JPEG: about 5 kB."""
PREPROCESS: Final = Preprocess(size=SIDE)

REFUSALS: Final = (
    Rejected,
    OSError,
    ValueError,
    SyntaxError,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)
"""What is raised for a picture that is none."""


def opened(file: Path | BytesIO, side: int, *, quality: int, progressive: bool = False) -> str | None:
    """A data: URI of what Pillow opens; None where it cannot show it: a page goes without that picture."""
    try:
        with _file(file) as source, opening.opened(source) as image:
            return data_uri(thumbnail(image, side), quality=quality, progressive=progressive)
    except REFUSALS:
        return None


async def decoded(
    pictures: Sequence[Encoded], *, by: Decodes, at_once: int, tick: Tick = silent
) -> list[str | None]:
    """A data: URI for each, in order; None for what cannot be read. `by` decodes with `PREPROCESS`."""
    made: dict[int, str | None] = {}

    async def one(item: tuple[int, Encoded]) -> None:
        made[item[0]] = await _one(item[1], by=by)
        tick("drawing the contact sheet", len(made), len(pictures))

    await gather.gather_bounded(enumerate(pictures), one, at_once=at_once)
    return [made[place] for place in range(len(pictures))]


def small(pixels: Pixels, *, width: int, height: int) -> str:
    """The squashed `pixels`, uint8 (3, S, S), of an image of that size, in its own shape again."""
    scale = SIDE / max(width, height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    square = Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0)))
    return data_uri(square.resize(size, Image.Resampling.LANCZOS), quality=QUALITY)


def thumbnail(image: Image.Image, side: int) -> Image.Image:
    """`image`, just opened, upright, in RGB on white, its longer side at most `side` pixels.

    Raises what Pillow raises.
    """
    image.draft("RGB", (side * 2, side * 2))
    if image.width * image.height > MAX_PIXELS:
        raise ValueError("too many pixels")
    upright = ImageOps.exif_transpose(image)
    upright.thumbnail((side, side), reducing_gap=3.0)
    return colour.rgb(upright)


def data_uri(image: Image.Image, *, quality: int, progressive: bool = False) -> str:
    """The image as JPEG."""
    jpeg = BytesIO()
    image.save(jpeg, "JPEG", quality=quality, optimize=True, progressive=progressive)
    return "data:image/jpeg;base64," + base64.b64encode(jpeg.getvalue()).decode()


def _file(file: Path | BytesIO) -> IO[bytes]:
    return file.open("rb") if isinstance(file, Path) else file


async def _one(picture: Encoded, *, by: Decodes) -> str | None:
    try:
        data = await asyncio.to_thread(picture.read_bytes)
        pixels = await by.decode(data)
        frame = inspecting.frame(data)
    except (OSError, Rejected):
        return None
    return await asyncio.to_thread(small, pixels, width=frame.width, height=frame.height)
