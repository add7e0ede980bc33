"""Small pictures of the photographs, inside the report itself."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from io import BytesIO
from typing import Final

from PIL import Image

from model.preprocess import FORMATS
from model.thumbnail import thumbnail
from tagstream.demo.photos import Photo

LARGE: Final = (480, 80)
SMALL: Final = (240, 70)
"""Pixels on the longer side, and JPEG quality: about 30 kB and 8 kB."""

FEW: Final = 60


def of(photos: Sequence[Photo]) -> dict[str, str]:
    """A data: URI for each photograph that can be shown, by image_id."""
    side, quality = LARGE if len(photos) <= FEW else SMALL
    made = {photo.image_id: _of(photo, side, quality=quality) for photo in photos}
    return {image_id: uri for image_id, uri in made.items() if uri}


def _of(photo: Photo, side: int, *, quality: int) -> str | None:
    """None where Pillow cannot show it: the model has seen it, and a report goes without its picture."""
    if photo.path is None:
        return None
    try:
        with Image.open(photo.path, formats=FORMATS) as image:
            return _data_uri(thumbnail(image, side), quality=quality)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        return None


def _data_uri(image: Image.Image, *, quality: int) -> str:
    jpeg = BytesIO()
    image.save(jpeg, "JPEG", quality=quality, optimize=True, progressive=True)
    return "data:image/jpeg;base64," + base64.b64encode(jpeg.getvalue()).decode()
