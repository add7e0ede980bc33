"""BMP files put together byte by byte."""

from __future__ import annotations

from struct import pack

MASKS = {16: (0xF800, 0x7E0, 0x1F), 32: (0xFF0000, 0xFF00, 0xFF)}


def bmp(
    size: tuple[int, int],
    bits: int,
    pixels: bytes,
    *,
    compression: int = 0,
    palette: bytes = b"",
    masks: tuple[int, ...] = (),
    header: int = 40,
) -> bytes:
    """`pixels` as they stand in the file; a negative height is top-down."""
    if header == 12:
        info = pack("<IHHHH", 12, *size, 1, bits)
    else:
        colours = len(palette) // 4
        info = pack("<IiiHHIIiiII", 40, *size, 1, bits, compression, len(pixels), 0, 0, colours, 0)
        info = pack("<I", header) + info[4:] + b"".join(pack("<I", mask) for mask in masks)
        info = info.ljust(header, b"\0")
    start = 14 + len(info) + len(palette)
    return b"BM" + pack("<IHHI", start + len(pixels), 0, 0, start) + info + palette + pixels
