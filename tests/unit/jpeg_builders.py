"""JPEG files made piece by piece: any sampling, any scans, whatever stands beside the picture."""

from __future__ import annotations

from functools import cache
from io import BytesIO
from struct import pack
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

Factors = tuple[int, int]


@cache
def scene() -> Image.Image:
    """A picture of 240 x 176 with some detail, the same each time."""
    noise = np.random.default_rng(5).integers(0, 256, (22, 30, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((240, 176)).filter(ImageFilter.DETAIL)


def encoded(image: Image.Image | None = None, /, **how: Any) -> bytes:
    """As Pillow writes it."""
    target = BytesIO()
    (image or scene()).save(target, "JPEG", **{"quality": 88, **how})
    return target.getvalue()


def segment(marker: int, payload: bytes) -> bytes:
    return bytes([0xFF, marker]) + pack(">H", len(payload) + 2) + payload


def behind_jfif(file: bytes, *segments: bytes) -> bytes:
    """More segments behind the JFIF one."""
    return file[:20] + b"".join(segments) + file[20:]


def exif(orientation: int) -> bytes:
    entry = pack("<HHHIHH", 1, 0x0112, 3, 1, orientation, 0)
    return segment(0xE1, b"Exif\0\0II*\0\x08\0\0\0" + entry + bytes(4))


def xmp(orientation: int) -> bytes:
    packet = f'<x:xmpmeta><rdf:Description tiff:Orientation="{orientation}"/></x:xmpmeta>'
    return segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet.encode())


def scan_at(file: bytes | bytearray, number: int = 0) -> int:
    """Where the compressed data of a scan begins."""
    at = -1
    for _ in range(number + 1):
        at = file.index(b"\xff\xda", at + 1)
    return at + 2 + int.from_bytes(file[at + 2 : at + 4], "big")


def in_planes(*planes: Image.Image, size: tuple[int, int], factors: tuple[Factors, ...]) -> bytes:
    """Grey planes as the components of one baseline JPEG, a scan each; every plane has its sampled size."""
    files = [encoded(plane, quality=90) for plane in planes]
    header = files[0]
    tables = header[header.index(b"\xff\xdb") : header.index(b"\xff\xc0")]
    huffman = header[header.index(b"\xff\xc4") : header.index(b"\xff\xda")]
    parts = [bytes([number, across << 4 | down, 0]) for number, (across, down) in enumerate(factors, start=1)]
    frame = pack(">BHHB", 8, size[1], size[0], len(planes)) + b"".join(parts)
    scans = [
        segment(0xDA, bytes([1, number, 0, 0, 63, 0])) + file[scan_at(file) : -2]
        for number, file in enumerate(files, start=1)
    ]
    return b"".join([b"\xff\xd8", tables, segment(0xC0, frame), huffman, *scans, b"\xff\xd9"])
