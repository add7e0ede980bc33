"""Segments of a JPEG: where each marker and its payload lie, up to the end of the first picture."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

SOI, EOI, SOS, DHT = 0xD8, 0xD9, 0xDA, 0xC4
APP0, APP1, APP14 = 0xE0, 0xE1, 0xEE
LS = 0xF7
"""The frame header of JPEG-LS, another way to pack pixels."""

FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Frame headers, SOF0 to SOF15; the three between are tables and a reserved one."""

TABLES: Final = frozenset({0xDB, 0xC4, 0xCC, 0xDD})
"""Quantisation and Huffman tables, conditioning of arithmetic coding, restart interval."""

BARE: Final = frozenset({*range(0xD0, 0xDA), 0xC8, *range(0xF0, 0xFE), 0x01})
"""Markers that no length follows."""

MARKER: Final = re.compile(rb"\xff[^\x00\xff]")
SCANNED: Final = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
"""A marker behind the first scan's header: compressed data is full of stuffed bytes and restarts."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment: its marker, and where its length and its payload lie, behind that."""

    marker: int
    start: int
    end: int


def segments(data: bytes) -> Iterator[Segment]:
    """In order, up to the end of the first picture; what lies between them is passed over."""
    at, pattern = 2, MARKER
    while marker := pattern.search(data, at):
        kind, start = data[marker.start() + 1], marker.end()
        end = start if kind in BARE else start + max(2, int.from_bytes(data[start : start + 2], "big"))
        yield Segment(kind, start, end)
        if kind == EOI and pattern is SCANNED:
            return
        at, pattern = end, SCANNED if kind == SOS else pattern
