"""Small pictures of photographs, inside the page itself."""

from __future__ import annotations

import base64
from io import BytesIO
from typing import Final

from PIL import Image

from model.data.photograph import Photograph
from model.preprocess import FORMATS
from model.thumbnail import thumbnail as small

SIDE: Final = 240
QUALITY: Final = 68
"""About 10 kB each."""


def thumbnail(photograph: Photograph) -> str:
    """A data: URI; empty where Pillow cannot show it, and the page goes without that picture."""
    try:
        with Image.open(BytesIO(photograph.path.read_bytes()), formats=FORMATS) as image:
            return _data_uri(small(image, SIDE))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        return ""


def _data_uri(image: Image.Image) -> str:
    jpeg = BytesIO()
    image.save(jpeg, "JPEG", quality=QUALITY, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(jpeg.getvalue()).decode()
