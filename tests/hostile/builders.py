"""Files and their parts, put together byte by byte where no encoder would write them."""

from __future__ import annotations

import zlib
from functools import cache
from io import BytesIO
from struct import pack
from typing import Any, Final

import numpy as np
from PIL import Image

from tests.unit.heif_builders import heic

SEEDS: Final = ("JPEG", "PROGRESSIVE", "PNG", "WEBP", "LOSSLESS", "GIF", "AVIF", "HEIC", "TIFF", "LZW", "BMP")

PNG_MAGIC: Final = b"\x89PNG\r\n\x1a\n"
CHANNELS: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Of a PNG, by its colour type: grey, RGB, palette, grey with alpha, RGB with alpha."""


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    target = BytesIO()
    image.save(target, kind, **options)
    return target.getvalue()


@cache
def photograph(side: int = 48) -> Image.Image:
    """Soft noise, always the same."""
    noise = np.random.default_rng(0).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((side, side), Image.Resampling.BICUBIC)


@cache
def seed(kind: str) -> bytes:
    """A small file of each format that is whole and decodes."""
    match kind:
        case "HEIC":
            return heic(photograph(), quality=40)
        case "PROGRESSIVE":
            return encoded(photograph(), "JPEG", progressive=True)
        case "LZW":
            return encoded(photograph(), "TIFF", compression="tiff_lzw")
        case "LOSSLESS":
            return encoded(photograph(), "WEBP", lossless=True)
    return encoded(photograph(), kind)


def chunk(kind: bytes, body: bytes = b"") -> bytes:
    """Of a PNG."""
    return pack(">I", len(body)) + kind + body + pack(">I", zlib.crc32(kind + body))


def header(size: tuple[int, int], depth: int, colour: int, interlace: int = 0) -> bytes:
    return chunk(b"IHDR", pack(">IIBBBBB", *size, depth, colour, 0, 0, interlace))


def zeros(count: int) -> bytes:
    """`count` bytes of zero, compressed, without all of them in memory."""
    packer, block = zlib.compressobj(1), bytes(1 << 20)
    parts = [packer.compress(block) for _ in range(count >> 20)]
    return b"".join([*parts, packer.compress(bytes(count & (1 << 20) - 1)), packer.flush()])


def png(
    size: tuple[int, int], depth: int = 8, colour: int = 2, *, before: bytes = b"", after: bytes = b""
) -> bytes:
    """Black or clear, all of its pixels really there; chunks `before` and `after` them."""
    row = (size[0] * CHANNELS[colour] * depth + 7) // 8 + 1
    pixels = chunk(b"IDAT", zeros(row * size[1]))
    return PNG_MAGIC + header(size, depth, colour) + before + pixels + after + chunk(b"IEND")


def segment(marker: int, body: bytes = b"") -> bytes:
    """Of a JPEG."""
    return pack(">BBH", 0xFF, marker, len(body) + 2) + body


def jpeg(*segments: bytes, file: bytes | None = None) -> bytes:
    """A whole JPEG with more segments behind its first marker."""
    whole = file or seed("JPEG")
    return whole[:2] + b"".join(segments) + whole[2:]


def sized_jpeg(width: int, height: int, *, kind: str = "JPEG") -> bytes:
    """A JPEG whose frame header claims a size that its data is not."""
    data = seed(kind)
    at = data.index(b"\xff\xc2" if kind == "PROGRESSIVE" else b"\xff\xc0")
    return data[: at + 5] + pack(">HH", height, width) + data[at + 9 :]


def exif(*entries: tuple[int, int, int, bytes], more: bytes = b"", count: int | None = None) -> bytes:
    """A block of Exif: (tag, type, count, four bytes) each, then the offset of the next directory."""
    listed = b"".join(pack("<HHI", *entry[:3]) + entry[3].ljust(4, b"\0") for entry in entries)
    return (
        b"II*\0\x08\0\0\0" + pack("<H", len(entries) if count is None else count) + listed + bytes(4) + more
    )


def gif(*, screen: tuple[int, int] = (8, 8), frame: tuple[int, int] = (8, 8), before: bytes = b"") -> bytes:
    """A GIF of 8 x 8 grey pixels that claims other sizes; extensions stand `before` its frame."""
    pixels = b"\x02\x16\x8c-\x99\x87*\x1c\xdc3\xa0\x02u\xec\x95\xfa\xa8\xde`\x8c\x04\x91L\x01\x00"
    palette = bytes(value for grey in range(4) for value in [grey * 80] * 3)
    head = b"GIF89a" + pack("<HHBBB", *screen, 0x91, 0, 0) + palette
    return head + before + b"," + pack("<HHHHB", 0, 0, *frame, 0) + pixels + b";"


def riff(kind: bytes, body: bytes) -> bytes:
    """A chunk of a WebP."""
    return kind + pack("<I", len(body)) + body + bytes(len(body) % 2)


def extended_webp(canvas: tuple[int, int], *chunks: bytes, flags: int = 0) -> bytes:
    """A WebP in the extended form that claims a canvas."""
    sides = b"".join((side - 1).to_bytes(3, "little") for side in canvas)
    body = b"WEBP" + riff(b"VP8X", bytes([flags, 0, 0, 0]) + sides) + b"".join(chunks)
    return b"RIFF" + pack("<I", len(body)) + body


def patched(data: bytes, box: bytes, body: bytes, *, skip: int = 4) -> bytes:
    """An AVIF or HEIC with other bytes in its first `box`, `skip` bytes behind the name of that."""
    at = data.index(box) + len(box) + skip
    return data[:at] + body + data[at + len(body) :]
