"""Container limits: what a file is made of, counted before Pillow takes it apart.

Pillow makes a Python object of every segment on its way to the pixels, and puts Exif in several parts
together anew for each part. So a few megabytes of pieces of some bytes each keep a processor
busy for minutes and take gigabytes. A photograph has some dozens of pieces: thousands are refused here. The
walks are no stricter than the decoders; what is broken they leave to them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from model.decoding.jpeg import is_jpeg
from schemas.errors import Undecodable

MAX_SEGMENTS: Final = 1_024
"""Of a JPEG; as many full ones hold 64 MiB."""

MAX_EXIF_PARTS: Final = 16
"""Of a JPEG, 64 KiB each. Pillow copies all that it has with every further one."""

MAX_PADDING: Final = 65_536
"""Bytes between the segments of a JPEG's header. Pillow reads them one by one, libjpeg again and again."""

MAX_SCANS: Final = 100
"""Of a JPEG; common encoders write 10. Each goes through the whole image, though it may be empty."""

SOS, EOI, APP1 = 0xDA, 0xD9, 0xE1

BARE: Final = frozenset({*range(0xD0, 0xDA), 0xC8, *range(0xF0, 0xFE), 0x01})
"""Markers of a JPEG that no length follows."""

MARKER: Final = re.compile(rb"\xff[^\x00\xff]")
SCANNED: Final = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
"""A marker behind the first scan's header: compressed data is full of stuffed bytes and restarts."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment of a JPEG: its marker, where its payload lies, the bytes that stood before its marker."""

    marker: int
    start: int
    end: int
    padding: int


def check(data: bytes) -> None:
    """Refuse a JPEG of too many pieces; raises `Undecodable`. PNG and GIF count as they are taken apart."""
    if is_jpeg(data):
        _check_jpeg(data)


def _check_jpeg(data: bytes) -> None:
    found = list(islice(_segments(data), MAX_SEGMENTS + 1))
    exif = sum(each.marker == APP1 and data.startswith(b"Exif\0\0", each.start + 2) for each in found)
    _hold("segments", len(found), MAX_SEGMENTS)
    _hold("bytes between segments", sum(each.padding for each in found), MAX_PADDING)
    _hold("parts of Exif", exif, MAX_EXIF_PARTS)
    _hold("scans", sum(each.marker == SOS for each in found), MAX_SCANS)


def _hold(what: str, count: int, cap: int) -> None:
    if count > cap:
        raise Undecodable(f"more than {cap:,} {what}: no photograph has as many")


def _segments(data: bytes) -> Iterator[Segment]:
    """The segments of a JPEG up to the end of its image; padding is told of those before the first scan."""
    at, pattern = 2, MARKER
    while marker := pattern.search(data, at):
        kind, start = data[marker.start() + 1], marker.end()
        end = start if kind in BARE else start + max(2, int.from_bytes(data[start : start + 2], "big"))
        yield Segment(kind, start, end, marker.start() - at if pattern is MARKER else 0)
        if kind == EOI and pattern is SCANNED:
            return
        at, pattern = end, SCANNED if kind == SOS else pattern
    if pattern is MARKER:
        yield Segment(EOI, len(data), len(data), len(data) - at)
