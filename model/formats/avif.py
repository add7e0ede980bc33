"""Pillow plugin for AVIF: the picture, cut and turned as its container says, in SDR.

Pillow's own class refuses a photograph for what its Exif is, turns by XMP, and shows what the file asks to
cut off (`clap`). Here the file's boxes are read by `iso_boxes`; libavif, behind a private class of Pillow's,
gets a copy in which Exif, XMP and properties that are broken and never seen are hidden.
"""

from __future__ import annotations

from fractions import Fraction
from math import floor
from struct import unpack_from
from typing import IO, Any, Final, cast

from PIL import AvifImagePlugin, ExifTags, Image, _avif

from model.formats import hdr, iso_boxes
from model.formats.picture_file import PictureFile

Size = tuple[int, int]
Cut = tuple[int, int, int, int]

REPLACED: Final = AvifImagePlugin
"""It registers as it is imported: earlier than `register` is called, or it would undo that."""

BRANDS: Final = frozenset({b"avif", b"avis", b"mif1", b"msf1"})
"""Major brands; the latter two are HEIF's as well, which libavif tells apart."""

HIDDEN: Final = frozenset({b"Exif", b"mime"})
"""Kinds of items that libavif would judge, and copy."""

SHORTEST: Final = {b"colr": 11, b"pasp": 8, b"clap": 32, b"clli": 4}
"""Bytes of properties without which there is a picture; libavif refuses a file for one cut short."""

CLAP: Final = ">IIIIiIiI"
"""Width, height, how far its centre is from the picture's to the right and down, each divided by the next."""


class AvifPhotograph(PictureFile):
    """An AVIF file, or the first picture of a sequence. Its size is told from the header; `load` decodes it.

    Its turns are told as an orientation by Exif, which is read where the container has none of its own, so
    that a picture is turned once it is small.
    """

    format = "AVIF"
    format_description = "AVIF image"
    largest: Size
    _decoder: Any
    _primary: iso_boxes.PrimaryImage
    _cut: Cut

    def _open(self) -> None:
        data = cast("IO[bytes]", self.fp).read()
        self._primary = iso_boxes.primary_image(memoryview(data))
        self._decoder = _avif.AvifDecoder(_bare(data), "auto", 1)  # one image, one thread
        self.largest, _frames, self._mode, _icc, _exif, turn, _xmp = self._decoder.get_info()
        self._cut = _cut(self._primary.first(b"clap"), self.largest)
        self._size = (self._cut[2] - self._cut[0], self._cut[3] - self._cut[1])
        if turn != 1 or self._primary.turns:
            told = Image.Exif()
            told[ExifTags.Base.Orientation] = turn
            self.info["exif"] = told.tobytes()
        elif self._primary.exif:
            self.info["exif"] = self._primary.exif

    def _decode(self) -> Image.Image:
        """Raises what libavif does, as `RuntimeError` or `SyntaxError`."""
        pixels, *_timing = self._decoder.get_frame(0)
        del self._decoder
        picture = Image.frombytes(self._mode, self.largest, pixels)
        del pixels
        if self._size != self.largest:
            picture = picture.crop(self._cut)
        return hdr.to_sdr(picture, *iso_boxes.nclx(self._primary))


def is_avif(prefix: bytes) -> bool:
    """Whether a file that begins so may be AVIF."""
    return prefix[4:8] == b"ftyp" and prefix[8:12] in BRANDS


def register() -> None:
    """Let Pillow open AVIF through this. May be called again."""
    Image.register_open(AvifPhotograph.format, AvifPhotograph, is_avif)


def _cut(clap: memoryview | None, size: Size) -> Cut:
    """What is shown: whole pixels, for a half the one before it; all where `clap` makes no sense."""
    whole = (0, 0, *size)
    if clap is None or len(clap) < SHORTEST[b"clap"]:
        return whole
    numbers = unpack_from(CLAP, clap)
    if not all(numbers[1::2]):
        return whole
    width, height, right, down = map(Fraction, numbers[::2], numbers[1::2])
    left, top = floor(right + (size[0] - width) / 2), floor(down + (size[1] - height) / 2)
    cut = (left, top, left + floor(width), top + floor(height))
    is_inside = 0 <= left < cut[2] <= size[0] and 0 <= top < cut[3] <= size[1]
    return cut if is_inside else whole


def _bare(data: bytes) -> bytearray:
    """A copy without what stands beside the picture and could cost it."""
    copied = bytearray(data)
    iso_boxes.hide(memoryview(copied), HIDDEN, SHORTEST)
    return copied
