"""Small pictures of the photographs, inside the report itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from model import thumbnail
from tagstream.demo.photos import Photo

LARGE: Final = (480, 80)
SMALL: Final = (240, 70)
"""Pixels on the longer side, and JPEG quality: about 30 kB and 8 kB."""

FEW: Final = 60


def of(photos: Sequence[Photo]) -> dict[str, str]:
    """A data: URI for each photograph that can be shown, by image_id."""
    side, quality = LARGE if len(photos) <= FEW else SMALL
    made = {
        photo.image_id: thumbnail.opened(photo.path, side, quality=quality, progressive=True)
        for photo in photos
        if photo.path is not None
    }
    return {image_id: uri for image_id, uri in made.items() if uri}
