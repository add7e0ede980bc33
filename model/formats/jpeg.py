"""Pillow image file for JPEG: libjpeg-turbo over the picture alone, refused where blocks of it are lost.

Pillow has libjpeg's warnings kept quiet, so a photograph whose lower half is grey would pass for whole, and
it refuses good ones for what it reads beside the picture. simplejpeg raises what libjpeg warns of. Where that
library cannot decode a kind that Pillow can, Pillow does, as it always did.

| libjpeg warns of                                 | what that is                                           |
|--------------------------------------------------|--------------------------------------------------------|
| data that ends early, a bad code, a lost restart | blocks are lost: damaged                               |
| scans that do not follow one another             | one of them is lost: damaged                           |
| bytes behind a scan                              | it went wrong and ended too soon: damaged, unless they |
|                                                  | only fill it up                                        |
| bytes behind the last scan, with no end marker   | a camera's trailer: whole                              |
| bytes between segments, odd JFIF or Adobe ones   | `JpegPicture` leaves them out                          |
"""

from __future__ import annotations

import re
from io import BytesIO
from typing import IO, Final, cast

import numpy as np
import simplejpeg
from PIL import Image, JpegImagePlugin

from model.formats.jpeg_picture import JpegPicture
from model.formats.picture_file import PictureFile

SCALES: Final = (8, 4, 2, 1)
"""What libjpeg reduces by at no cost, and Pillow asks of it."""

KINDS: Final = {1: ("L", "GRAY"), 3: ("RGB", "RGB"), 4: ("CMYK", "CMYK")}
"""By number of components: Pillow's mode, and simplejpeg's name."""

EXTRANEOUS: Final = re.compile(r"(\d+) extraneous bytes before marker 0xd9")
FOREIGN: Final = re.compile(r"subsampling|Unsupported|not supported|colorspace|color space", re.IGNORECASE)
"""What is said of a kind that TurboJPEG does not decode."""

LOST: Final = {
    "premature end of data segment": "some of its blocks are missing",
    "bad Huffman code": "some of its blocks are damaged",
    "bad arithmetic code": "some of its blocks are damaged",
    "extraneous bytes": "some of its blocks are damaged",
    "instead of RST": "some of its blocks are missing",
    "Inconsistent progression": "one of its scans is missing",
}


class JpegPhotograph(PictureFile):
    """A JPEG file, or the first picture of an MPO. `draft` reduces what `load` decodes."""

    format = "JPEG"
    format_description = "JPEG (ISO 10918)"
    _picture: JpegPicture

    def _open(self) -> None:
        picture = JpegPicture(cast("IO[bytes]", self.fp).read())
        self._size = picture.frame.width, picture.frame.height
        self._mode, _ = KINDS.get(len(picture.frame.components), ("RGB", ""))
        if picture.exif is not None:
            self.info["exif"] = picture.exif
        self._picture = picture

    def draft(
        self,
        mode: str | None,  # noqa: ARG002 - it stays
        size: tuple[int, int] | None,
    ) -> tuple[str, tuple[int, int, float, float]] | None:
        """Have it decoded to no less than `size`, as Pillow's own does, to the pixel."""
        if self._is_decoded or size is None:
            return None
        width, height = self._picture.frame.width, self._picture.frame.height
        room = min(width // size[0], height // size[1])
        scale = next((scale for scale in SCALES if room >= scale), 1)
        self._size = -(-width // scale), -(-height // scale)
        return self.mode, (0, 0, width / scale, height / scale)

    def _decode(self) -> Image.Image:
        """Raises `ValueError` where the picture is damaged, `MemoryError` where memory ends."""
        picture = self._picture
        del self._picture
        return _decoded(picture, self._mode, self.size)


def is_jpeg(prefix: bytes) -> bool:
    """Whether a file begins as a JPEG does."""
    return prefix.startswith(b"\xff\xd8\xff")


def _decoded(picture: JpegPicture, mode: str, size: tuple[int, int]) -> Image.Image:
    stream = picture.stream()
    _, colours = KINDS.get(len(picture.frame.components), ("", ""))
    pixels = np.empty((size[1], size[0], len(mode)), np.uint8)
    left = 0
    try:
        simplejpeg.decode_jpeg(stream, colours, min_height=size[1], min_width=size[0], buffer=pixels)
    except ValueError as error:
        if FOREIGN.search(str(error)):
            return _by_pillow(stream, size)
        left = _left(picture, str(error))
    if picture.is_zeroed(left):
        raise ValueError("some of its blocks are zeroed")
    if mode == "CMYK":  # stored as the light that the inks leave, whatever Adobe's segment says
        pixels = 255 - pixels
    return Image.fromarray(pixels.squeeze(2) if mode == "L" else pixels, mode)


def _left(picture: JpegPicture, said: str) -> int:
    """How many bytes were left of the last scan, if all blocks were decoded; else it raises `ValueError`."""
    if "nsufficient memory" in said:
        raise MemoryError
    behind = EXTRANEOUS.search(said)
    if behind and picture.may_leave(int(behind[1])):
        return int(behind[1])
    raise ValueError(next((plain for theirs, plain in LOST.items() if theirs in said), said))


def _by_pillow(stream: bytes, size: tuple[int, int]) -> Image.Image:
    with JpegImagePlugin.JpegImageFile(BytesIO(stream)) as image:
        image.draft(None, size)
        image.load()
        return image.copy()
