"""Rendition: a photograph made small for replays, upright, as a JPEG without metadata (ADR 38)."""

from __future__ import annotations

from typing import Final

from PIL import Image

from model import small_jpeg
from schemas.rendition_recipe import MOST_BYTES, RenditionRecipe

LONGEST: Final = 4
"""Times the shorter side: a photograph that is longer has no rendition, which would be no small one."""


def reduced(picture: Image.Image, recipe: RenditionRecipe) -> Image.Image | None:
    """The RGB `picture` with its shorter side as asked for; None where it has no rendition.

    It is never enlarged, and what is longer than `LONGEST` times its shorter side has none.
    """
    short, long = sorted(picture.size)
    if short < recipe.side or long > LONGEST * short:
        return None
    width, height = (round(each * recipe.side / short) for each in picture.size)
    # Whole steps by the mean first: half the time of the filter alone, and no tag differs for it.
    return picture.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=1.0)


def encoded(picture: Image.Image, recipe: RenditionRecipe) -> bytes | None:
    """The reduced and upright `picture` as a file; None where it is none of a small photograph."""
    data = small_jpeg.encoded(picture, recipe.quality)
    return data if len(data) <= MOST_BYTES else None
