"""Pixels of a PNG, of every depth and colour type: from what was packed to an image in 8 bits of sRGB.

Pillow's decoder does the work. Of 16 bits it keeps the upper 8 alone, so where the lower ones count, for one
transparent colour or another transfer, they are decoded too: as if they were the upper ones of numbers whose
bytes stand the other way round.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct, unpack
from typing import Final, Self

import numpy as np
import numpy.typing as npt
from PIL import Image

from model.formats import colour, gamma, hdr
from model.formats.png_chunks import Chunks

Words = npt.NDArray[np.uint16]
Box = tuple[int, int, int, int]

GREY, RGB, PALETTE, GREY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6
"""Colour types."""

MODES: Final = {
    (1, GREY): ("1", "1"),
    (2, GREY): ("L", "L;2"),
    (4, GREY): ("L", "L;4"),
    (8, GREY): ("L", "L"),
    (16, GREY): ("I;16", "I;16B"),
    (8, RGB): ("RGB", "RGB"),
    (16, RGB): ("RGB", "RGB;16B"),
    (1, PALETTE): ("P", "P;1"),
    (2, PALETTE): ("P", "P;2"),
    (4, PALETTE): ("P", "P;4"),
    (8, PALETTE): ("P", "P"),
    (8, GREY_ALPHA): ("LA", "LA"),
    (16, GREY_ALPHA): ("RGBA", "LA;16B"),
    (8, RGB_ALPHA): ("RGBA", "RGBA"),
    (16, RGB_ALPHA): ("RGBA", "RGBA;16B"),
}
"""Depth and colour type to Pillow's mode, and to what its decoder calls them."""

FIELDS: Final = Struct(">IIBBBBB")
"""Of IHDR: width, height, depth, colour type, packing, filters, interlaced."""

CODE_POINTS: Final = 4
"""Bytes of cICP: primaries, transfer, matrix, range."""

WORD: Final = 16
"""Bits of the deepest samples."""

CHANNELS: Final = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGB_ALPHA: 4}


@dataclass(frozen=True, slots=True)
class Header:
    """What IHDR says; `of` raises `ValueError` for what there is not."""

    size: tuple[int, int]
    depth: int
    kind: int
    interlaced: int

    @classmethod
    def of(cls, body: bytes) -> Self:
        """From the body of IHDR."""
        if len(body) < FIELDS.size:
            raise ValueError("its header is cut short")
        width, height, depth, kind, packing, filters, interlaced = FIELDS.unpack_from(body)
        if (depth, kind) not in MODES or packing or filters or interlaced > 1:
            raise ValueError(f"it is of a kind that there is not ({body[8 : FIELDS.size].hex(' ')})")
        if not width or not height:
            raise ValueError(f"it has {width:,} x {height:,} pixels")
        return cls((width, height), depth, kind, interlaced)

    @property
    def mode(self) -> str:
        """Of the image once it is loaded, transparent or not."""
        return "L" if (self.depth, self.kind) == (WORD, GREY) else MODES[self.depth, self.kind][0]

    @property
    def most(self) -> int:
        """Bytes that the pixels may be, unpacked; those of an interlaced picture have some more rows."""
        width, height = self.size
        return 2 * height * (width * CHANNELS[self.kind] * self.depth // 8 + 9)


def picture(header: Header, chunks: Chunks) -> Image.Image:
    """The image; what is transparent is told by its `info` or is alpha. Raises `ValueError` if damaged."""
    image = _picture(header, chunks)
    told = chunks.beside.get(b"cICP", b"")
    if len(told) != CODE_POINTS:
        return image
    primaries, transfer, *_ = told
    return hdr.to_sdr(image, transfer, primaries)


def _picture(header: Header, chunks: Chunks) -> Image.Image:
    packed = chunks.compressed(header.most)
    curve, key = _curve(chunks.beside), chunks.beside.get(b"tRNS", b"")
    if header.kind == PALETTE:
        return _painted(header, packed, _palette(chunks.palette, curve), key)
    if header.depth == WORD:
        return _deep(header, packed, _key(header, key), curve)
    return _shallow(header, packed, _key(header, key), curve)


def _curve(beside: dict[bytes, bytes]) -> float | None:
    """The gamma that is to be undone; None where the numbers are sRGB's or a profile tells what they are."""
    if (
        b"iCCP" in beside
        or len(beside.get(b"sRGB", b"")) == 1
        or len(beside.get(b"cICP", b"")) == CODE_POINTS
    ):
        return None
    told = gamma.of(beside.get(b"gAMA", b""))
    return None if gamma.is_srgb(told) else told


def _key(header: Header, body: bytes) -> tuple[int, ...]:
    """The one transparent colour, sample by sample, in their own bits; empty where there is none."""
    count = {GREY: 1, RGB: 3}.get(header.kind, 0)
    if not count or len(body) != 2 * count:
        return ()
    return tuple(each & (1 << header.depth) - 1 for each in unpack(f">{count}H", body))


def _palette(body: bytes, curve: float | None) -> bytes:
    colours = body[: len(body) // 3 * 3][: 3 * 256]
    if not colours:
        raise ValueError("its palette is missing")
    return colours if curve is None else colours.translate(gamma.table(curve, 256).tobytes())


def _painted(header: Header, packed: bytes | memoryview, palette: bytes, alphas: bytes) -> Image.Image:
    image = _unpacked(header, packed)
    image.putpalette(palette)
    if len(alphas) <= min(len(palette) // 3, 1 << header.depth):  # more than colours: as libpng, not obeyed
        image.info["transparency"] = alphas
    return image


def _shallow(
    header: Header, packed: bytes | memoryview, key: tuple[int, ...], curve: float | None
) -> Image.Image:
    image = _unpacked(header, packed)
    if key:
        scaled = [each * 255 // ((1 << header.depth) - 1) for each in key]
        image.info["transparency"] = tuple(scaled) if header.kind == RGB else scaled[0]
    if curve is None:
        return image
    shown = gamma.table(curve, 256).tolist()
    if image.has_transparency_data:
        return image.convert("RGBA").point(shown * 3 + list(range(256)))
    return image.convert("RGB").point(shown * 3)


def _deep(
    header: Header, packed: bytes | memoryview, key: tuple[int, ...], curve: float | None
) -> Image.Image:
    if not key and curve is None:
        image = _unpacked(header, packed)
        return colour.eight_bits(image) if header.kind == GREY else image
    samples = _Samples(header, packed)
    shown = _eight_bits(header) if curve is None else gamma.table(curve, 1 << 16)
    page = Image.new("RGBA", header.size)
    for box in colour.strips(header.size):
        words, alpha = samples.of(box)
        if key:
            alpha = _opaque(words, key)
        strip = np.empty((*words.shape[:2], 4), np.uint8)
        strip[..., :3] = shown.take(words)
        strip[..., 3] = alpha
        page.paste(Image.fromarray(strip), box)
    return page


def _opaque(words: Words, key: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    """Alpha (rows, columns): 0 where all samples are the key's. A sample at a time: `all(axis=2)` is slow."""
    clear = np.logical_and.reduce([words[..., place] == sample for place, sample in enumerate(key)])
    return np.where(clear, np.uint8(0), np.uint8(255))


def _eight_bits(header: Header) -> gamma.Table:
    """As without a transparent colour: Pillow cuts off the lower half of a colour's bits, grey is divided."""
    every = np.arange(1 << 16)
    return (every // 257 if header.kind == GREY else every >> 8).astype(np.uint8)


class _Samples:
    """All 16 bits of the samples, strip by strip; alpha in 8 bits."""

    def __init__(self, header: Header, packed: bytes | memoryview) -> None:
        self._kind = header.kind
        self._parts = [_unpacked(header, packed, *decoders) for decoders in DEEP[header.kind]]

    def of(self, box: Box) -> tuple[Words, npt.NDArray[np.uint8] | int]:
        """(rows, columns, one or three samples), and alpha."""
        upper, *lower = (np.asarray(part.crop(box)).astype(np.uint16) for part in self._parts)
        if self._kind == GREY:
            return upper[..., None], 255
        if self._kind == GREY_ALPHA:
            return _joined(upper[..., :1], upper[..., 1:2]), upper[..., 2].astype(np.uint8)
        words = _joined(upper, lower[0])
        return words[..., :3], 255 if self._kind == RGB else upper[..., 3].astype(np.uint8)


def _joined(upper: Words, lower: Words) -> Words:
    return np.left_shift(upper, 8, dtype=np.uint16) | lower


DEEP: Final = {
    GREY: (("I;16", "I;16B"),),
    RGB: (("RGB", "RGB;16B"), ("RGB", "RGB;16L")),
    GREY_ALPHA: (("RGBA", "RGBA"),),
    RGB_ALPHA: (("RGBA", "RGBA;16B"), ("RGBA", "RGBA;16L")),
}
"""Modes and decoders that bring all 16 bits: each half by itself, or for grey with alpha both at once."""


def _unpacked(header: Header, packed: bytes | memoryview, mode: str = "", decoder: str = "") -> Image.Image:
    usual = MODES[header.depth, header.kind]
    args = (decoder or usual[1], header.interlaced)
    return Image.frombytes(mode or usual[0], header.size, packed, "zip", args)
