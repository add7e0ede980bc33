"""Pillow plugin for BMP: all depths, RLE, any masks; alpha as browsers have it.

Pillow's own class knows some masks only, decodes RLE a pixel at a time and leaves black what is missing.
The fourth byte of plain 32-bit pixels is no alpha; a mask of alpha is obeyed, unless all of it is zero.
"""

from __future__ import annotations

import struct
from typing import IO, Final, cast

import numpy as np
from PIL import BmpImagePlugin, Image

from model.formats import bmp_runs, colour
from model.formats.picture_file import PictureFile
from schemas.errors import Undecodable

REPLACED: Final = BmpImagePlugin
"""It registers as it is imported: earlier than `register` is called, or it would undo that."""

CORE: Final = 12
"""Bytes of the oldest header, whose palette has three bytes a colour."""
HEADERS: Final = frozenset({CORE, 16, 40, 52, 56, 64, 108, 124})
WITH_MASKS: Final = 52
"""Headers from this one on hold the masks; behind a shorter one they follow."""
WITH_ALPHA: Final = 56

RGB, RLE8, RLE4, FIELDS, ALPHA_FIELDS = 0, 1, 2, 3, 6
EMBEDDED: Final = {4: "a JPEG", 5: "a PNG"}

RAW: Final = {1: "P;1", 2: "P;2", 4: "P;4", 8: "P", 16: "BGR;15", 24: "BGR", 32: "BGRX"}
"""Pillow's name for the pixels of a plain file, by the bits of each."""

MASKED: Final = {
    (16, 0x7C00, 0x3E0, 0x1F, 0): "BGR;15",
    (16, 0xF800, 0x7E0, 0x1F, 0): "BGR;16",
    (32, 0xFF0000, 0xFF00, 0xFF, 0): "BGRX",
}
INDEXED: Final = 8
"""Bits up to which a pixel is a place in the palette."""


class BmpPhotograph(PictureFile):
    """A BMP file. Its size is told from the header; `load` decodes it."""

    format = "BMP"
    format_description = "Windows Bitmap"
    _data: bytes

    def _open(self) -> None:
        data = cast("IO[bytes]", self.fp).read()
        try:
            self._read_header(data)
        except struct.error as error:
            raise Undecodable("damaged BMP image: its header is cut short") from error
        self._mode, self._data = "RGB", data

    def _decode(self) -> Image.Image:
        """Raises `Undecodable` for what is not read, or where pixels are missing."""
        data = self._data
        del self._data
        return self._picture(data)

    def _read_header(self, data: bytes) -> None:
        self._start, self._header = struct.unpack_from("<II", data, 10)
        if self._header not in HEADERS:
            raise Undecodable("damaged BMP image: its header is of no known kind")
        self._compression, self._colours = RGB, 0
        if self._header == CORE:
            width, height, _, self._bits = struct.unpack_from("<HHHH", data, 18)
        else:
            width, height, _, self._bits = struct.unpack_from("<iiHH", data, 18)
        if self._header > 16:  # noqa: PLR2004 - a header of 16 ends here
            self._compression, _, _, _, self._colours = struct.unpack_from("<IIiiI", data, 30)
        self._upwards = -1 if height > 0 else 1
        self._size = width, abs(height)
        if min(self._size) < 1:
            raise Undecodable("damaged BMP image: a side of it has no pixels")
        self._refuse_unread()
        self._masks = self._read_masks(data)
        end = 14 + self._header + (12 if self._masks and self._header < WITH_MASKS else 0)
        self._palette_at = end
        self._start = max(self._start, end)

    def _refuse_unread(self) -> None:
        if self._compression in EMBEDDED:
            raise Undecodable(f"a BMP around {EMBEDDED[self._compression]}, which is not read")
        bits = {RLE8: {8}, RLE4: {4}, FIELDS: {16, 32}, ALPHA_FIELDS: {16, 32}, RGB: set(RAW)}
        if self._bits not in bits.get(self._compression, set()):
            raise Undecodable(
                f"a BMP of {self._bits} bits a pixel in compression {self._compression}: not read"
            )

    def _read_masks(self, data: bytes) -> tuple[int, ...]:
        """Of red, green, blue, alpha; none for a plain file."""
        if self._compression not in (FIELDS, ALPHA_FIELDS):
            return ()
        has_alpha = self._header >= WITH_ALPHA or self._compression == ALPHA_FIELDS
        masks = struct.unpack_from("<IIII" if has_alpha else "<III", data, 54)
        return (*masks, 0)[:4]

    def _picture(self, data: bytes) -> Image.Image:
        if self._compression in (RLE8, RLE4):
            page = bmp_runs.unpacked(data[self._start :], self.size, nibbles=self._compression == RLE4)
            made = Image.frombytes("P", self.size, page, "raw", "P", 0, self._upwards)
            return self._coloured(made, data)
        stride = (self.width * self._bits + 31) // 32 * 4
        rows = memoryview(data)[self._start : self._start + stride * self.height]
        # What pads the last row is no pixel.
        if len(rows) < stride * (self.height - 1) + (self.width * self._bits + 7) // 8:
            raise Undecodable("damaged BMP image: it is cut short")
        packed = bytes(rows).ljust(stride * self.height, b"\0")
        name = MASKED.get((self._bits, *self._masks)) if self._masks else RAW[self._bits]
        if name is None:
            return self._masked(packed)
        mode = "P" if self._bits <= INDEXED else "RGB"
        made = Image.frombytes(mode, self.size, packed, "raw", name, stride, self._upwards)
        return self._coloured(made, data) if mode == "P" else made

    def _coloured(self, page: Image.Image, data: bytes) -> Image.Image:
        width = 3 if self._header == CORE else 4
        count = min(self._colours or 1 << self._bits, 256)
        room = max(0, self._start - self._palette_at) // width or count
        packed = data[self._palette_at : self._palette_at + width * min(count, room)]
        colours = [packed[at : at + 3][::-1] for at in range(0, len(packed) - 2, width)]
        page.putpalette(b"".join(colours).ljust(768, b"\0"))
        return page

    def _masked(self, packed: bytes) -> Image.Image:
        """Pixels of any masks, some rows at a time."""
        values = np.frombuffer(packed, f"<u{self._bits // 8}").reshape(self.height, -1)[:, : self.width]
        has_alpha = self._masks[3] and bool((values & values.dtype.type(self._masks[3])).any())
        masks = self._masks if has_alpha else self._masks[:3]
        page = Image.new("RGBA" if has_alpha else "RGB", self.size)
        for left, top, _, bottom in colour.strips(self.size):
            rows = values[::-1][top:bottom] if self._upwards < 0 else values[top:bottom]
            planes = np.stack([_eight_bits(rows, mask) for mask in masks], axis=-1)
            page.paste(Image.fromarray(planes), (left, top))
        return page


def _eight_bits(values: np.ndarray, mask: int) -> np.ndarray:
    """What a mask leaves of each value, from 0 to 255."""
    shift = (mask & -mask).bit_length() - 1 if mask else 0
    most = mask >> shift
    found = (values.astype(np.uint64) & np.uint64(mask)) >> np.uint64(shift)
    return (found * np.uint64(255) // np.uint64(max(1, most))).astype(np.uint8)


def is_bmp(prefix: bytes) -> bool:
    """Whether a file begins as a BMP does, whose header is of a known kind: `BM` alone is any text."""
    return prefix.startswith(b"BM") and prefix[15:16] == b"\0"


def register() -> None:
    """Let Pillow open BMP through this. May be called again."""
    Image.register_open(BmpPhotograph.format, BmpPhotograph, is_bmp)
