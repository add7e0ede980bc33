"""Pillow plugin for JPEG: the picture, and of what stands beside it only what turns it.

Pillow's own class looks up the printing resolution in the Exif block as it opens a file, and an odd one costs
the photograph ("not a JPEG"). Its factory reads the list of further pictures (MPO) too, often wrong and never
needed: the first picture is the photograph. So this overrides one private method, which a test guards.
"""

from __future__ import annotations

from PIL import Image, JpegImagePlugin


class JpegPhotograph(JpegImagePlugin.JpegImageFile):
    """A JPEG file, or the first picture of an MPO."""

    def _read_dpi_from_exif(self) -> None:
        """Nothing that is seen depends on it."""


def is_jpeg(prefix: bytes) -> bool:
    """Whether a file begins as a JPEG does."""
    return prefix.startswith(b"\xff\xd8\xff")


def register() -> None:
    """Let Pillow open JPEG through this. May be called again."""
    Image.register_open("JPEG", JpegPhotograph, is_jpeg)
