"""Small pictures of photographs, inside the page itself."""

from __future__ import annotations

import base64
from io import BytesIO
from typing import Final

from PIL import Image, ImageOps

from model.data.photograph import Photograph
from model.preprocess import FORMATS, MAX_PIXELS

SIDE: Final = 240
QUALITY: Final = 68
"""About 10 kB each."""


def thumbnail(photograph: Photograph) -> str:
    """A data: URI; empty where Pillow cannot show it, and the page goes without that picture."""
    try:
        with Image.open(BytesIO(photograph.path.read_bytes()), formats=FORMATS) as image:
            return _data_uri(_small(image))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        return ""


def _small(image: Image.Image) -> Image.Image:
    if image.width * image.height > MAX_PIXELS:
        raise ValueError("too many pixels")
    image.draft("RGB", (SIDE * 2, SIDE * 2))
    upright = ImageOps.exif_transpose(image)
    upright.thumbnail((SIDE, SIDE), reducing_gap=3.0)
    if not upright.has_transparency_data:
        return upright.convert("RGB")
    pixels = upright.convert("RGBA")
    page = Image.new("RGB", pixels.size, "white")
    page.paste(pixels, mask=pixels.getchannel("A"))
    return page


def _data_uri(image: Image.Image) -> str:
    jpeg = BytesIO()
    image.save(jpeg, "JPEG", quality=QUALITY, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(jpeg.getvalue()).decode()
