"""Small pictures of photographs for pages that are one file: JPEG in a data: URI."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from io import BytesIO
from typing import Final

import numpy as np
from PIL import Image

from model.data import gather, inspecting
from model.data.inspecting import Decodes
from model.data.photograph import Encoded
from model.data.progress import Tick, silent
from model.preprocess import Pixels, Preprocess
from schemas.errors import Rejected

SIDE: Final = 160
"""Pixels of the longer side."""

QUALITY: Final = 72
"""Of JPEG: about 5 kB."""

PREPROCESS: Final = Preprocess(size=SIDE)


async def of(
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
    jpeg = BytesIO()
    square.resize(size, Image.Resampling.LANCZOS).save(jpeg, "JPEG", quality=QUALITY, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(jpeg.getvalue()).decode()


async def _one(picture: Encoded, *, by: Decodes) -> str | None:
    try:
        data = await asyncio.to_thread(picture.read_bytes)
        pixels = await by.decode(data)
        frame = inspecting.frame(data)
    except (OSError, Rejected):
        return None
    return await asyncio.to_thread(small, pixels, width=frame.width, height=frame.height)
