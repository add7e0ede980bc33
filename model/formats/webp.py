"""Pillow plugin for WebP: the picture, or the first one of an animation on its canvas, and what turns it.

Pillow leaves the file to libwebp, which opens none that is not sound to its last byte. So `webp_chunks` takes
the picture out, and libwebp gets that alone, once it is known how large it is. As in browsers, what a frame
leaves of its canvas is transparent, and XMP turns nothing.
"""

from __future__ import annotations

from io import BytesIO
from typing import IO, cast

from PIL import Image, WebPImagePlugin

from model.formats import webp_chunks
from model.formats.picture_file import PictureFile
from model.formats.webp_chunks import Parts


class WebpPhotograph(PictureFile):
    """A WebP file. Its size is told from the header; `load` decodes it."""

    format = "WEBP"
    format_description = "WebP image"
    _parts: Parts

    def _open(self) -> None:
        self._parts = webp_chunks.parts(cast("IO[bytes]", self.fp).read())
        self._size, self._mode = self._parts.size, "RGBA"
        if self._parts.exif:
            self.info["exif"] = self._parts.exif

    def _decode(self) -> Image.Image:
        """Raises `ValueError` or `OSError` for a picture that is damaged or not of its size."""
        parts = self._parts
        del self._parts
        return _decoded(parts)


def is_webp(prefix: bytes) -> bool:
    """Whether a file begins as a WebP does."""
    return prefix.startswith(b"RIFF") and prefix[8:12] == b"WEBP"


def register() -> None:
    """Let Pillow open WebP through this. May be called again."""
    Image.register_open(WebpPhotograph.format, WebpPhotograph, is_webp)


def _decoded(parts: Parts) -> Image.Image:
    (width, height), (left, top) = parts.coded.size, parts.coded.place or (0, 0)
    fits = left + width <= parts.size[0] and top + height <= parts.size[1]
    if not fits or (parts.coded.place is None and parts.size != parts.coded.size):
        raise ValueError(f"it says {parts.size[0]:,} x {parts.size[1]:,} pixels, its picture is another size")
    with WebPImagePlugin.WebPImageFile(BytesIO(parts.coded.packed())) as picture:
        picture.load()
        if picture.size == parts.size:
            return picture
        page = Image.new("RGBA", parts.size)
        page.paste(picture.convert("RGBA"), (left, top))
        return page
