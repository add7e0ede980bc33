"""Pillow plugin for PNG: the default picture, in 8 bits of sRGB, and nothing of what stands beside it.

Pillow's own class refuses a photograph for what it reads beside it, inflates texts and profiles, knows one
transparent colour in 8 bits only, and obeys no gAMA. Here the file is taken apart by `png_chunks`, and
Pillow's decoder gets the pixels. Of an APNG the default picture counts, whatever its animation is.
"""

from __future__ import annotations

from typing import IO, Final, cast

from PIL import Image, PngImagePlugin

from model.formats import png_pixels
from model.formats.picture_file import PictureFile
from model.formats.png_chunks import MAGIC, Chunks
from model.formats.png_pixels import Header

REPLACED: Final = PngImagePlugin
"""It registers as it is imported: earlier than `register` is called, or it would undo that."""

APPLE: Final = b"CgBI"
"""First chunk of what Xcode makes of a PNG: its pixels are packed otherwise."""


class PngPhotograph(PictureFile):
    """A PNG file. Its size is told from the header; `load` decodes it."""

    format = "PNG"
    format_description = "Portable network graphics"
    _header: Header
    _chunks: Chunks

    def _open(self) -> None:
        chunks = Chunks(cast("IO[bytes]", self.fp).read())
        self._header = Header.of(chunks.header)
        self._size, self._mode = self._header.size, self._header.mode
        if b"eXIf" in chunks.beside:
            self.info["exif"] = chunks.beside[b"eXIf"]
        self._chunks = chunks

    def _decode(self) -> Image.Image:
        """Raises `ValueError` where the pixels are damaged or cut short."""
        chunks = self._chunks
        del self._chunks
        return png_pixels.picture(self._header, chunks)


def is_png(prefix: bytes) -> bool:
    """Whether a file begins as a PNG does that anybody but Apple can read."""
    return prefix.startswith(MAGIC) and prefix[12:16] != APPLE


def register() -> None:
    """Let Pillow open PNG through this. May be called again."""
    Image.register_open(PngPhotograph.format, PngPhotograph, is_png)
