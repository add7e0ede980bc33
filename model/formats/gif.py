"""Pillow plugin for GIF: the first frame on its screen, and nothing of what stands in front of it.

As in browsers, what the frame leaves of the screen is transparent, whatever the header calls the background,
and a screen that is too small for it grows. Pillow's own class paints the rest in the first colour, and
refuses a photograph for an extension that is cut short.
"""

from __future__ import annotations

from typing import IO, Final, cast

from PIL import GifImagePlugin, Image

from model.formats.gif_blocks import SCREEN, Blocks, FirstFrame
from model.formats.picture_file import PictureFile

REPLACED: Final = GifImagePlugin
"""It registers as it is imported: earlier than `register` is called, or it would undo that."""

MAGICS: Final = (b"GIF87a", b"GIF89a")

GREYS: Final = bytes(level for level in range(256) for _ in range(3))
"""A palette that says of every index what it is without one."""


class GifPhotograph(PictureFile):
    """The first frame of a GIF file. Its size is told from the header; `load` decodes it."""

    format = "GIF"
    format_description = "Compuserve GIF"
    _blocks: Blocks
    _frame: FirstFrame

    def _open(self) -> None:
        data = cast("IO[bytes]", self.fp).read()
        if len(data) < SCREEN.size:
            raise ValueError("its header is cut short")
        self._blocks = Blocks(data)
        self._frame = frame = self._blocks.first_frame()
        width, height = self._blocks.screen()
        self._size = (max(width, frame.left + frame.width), max(height, frame.top + frame.height))
        self._mode = "P"

    def _decode(self) -> Image.Image:
        """Raises `ValueError` for a frame that is damaged or cut short."""
        blocks = self._blocks
        del self._blocks
        return self._on_its_screen(_decoded(blocks, self._frame))

    def _on_its_screen(self, frame: Image.Image) -> Image.Image:
        if frame.size == self._size:
            return frame
        page = Image.new("RGBA", self._size)
        page.paste(frame.convert("RGBA"), (self._frame.left, self._frame.top))
        return page


def is_gif(prefix: bytes) -> bool:
    """Whether a file begins as a GIF does."""
    return prefix.startswith(MAGICS)


def register() -> None:
    """Let Pillow open GIF through this. May be called again."""
    Image.register_open(GifPhotograph.format, GifPhotograph, is_gif)


def _decoded(blocks: Blocks, frame: FirstFrame) -> Image.Image:
    palette = frame.palette or blocks.palette()
    grey = GREYS.startswith(palette)  # as is one that is missing
    packed = memoryview(blocks.data)[frame.packed :]
    how = (frame.bits, frame.interlaced, -1)
    image = Image.frombytes("L" if grey else "P", (frame.width, frame.height), packed, "gif", how)
    if not grey:
        image.putpalette(palette)
    if blocks.transparent is not None:
        image.info["transparency"] = blocks.transparent
    return image
