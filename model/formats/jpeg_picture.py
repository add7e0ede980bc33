"""The picture of a JPEG, told from what only stands beside it: all that libjpeg needs, and not a byte more.

libjpeg says of its first warning alone, so one without harm would hide that blocks are lost. What it warns of
without harm is therefore left out or set right here: bytes between segments, odd JFIF and Adobe segments, the
parameters of a sequential scan. No application segment and no comment reaches it, whatever is wrong with
them. An end marker is added: whether all blocks are there does not depend on one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice, zip_longest
from typing import Final

from model.formats.jpeg_frame import ARITHMETIC, HUFFMAN, PROGRESSIVE, SEQUENTIAL, Arrived, JpegFrame
from model.formats.jpeg_segments import (
    APP0,
    APP1,
    APP14,
    DHT,
    EOI,
    FRAMES,
    LS,
    SOI,
    SOS,
    TABLES,
    Segment,
    segments,
)
from model.refusals import counts
from schemas.errors import TooManyPixels, Undecodable

MAX_PIXELS: Final = 250_000_000
"""What the header may say; what is decoded is reduced on the way, and is held to the cap of all formats."""

MAX_SEGMENTS: Final = 1_024
"""As many full ones hold 64 MiB."""

MAX_SCANS: Final = 100
"""Common encoders write 10. Each goes through the whole image, though it may be empty."""

MAX_SCANNED: Final = 8_900_000_000
"""Pixels times scans. Ten scans of the largest picture are far below."""

MAX_COEFFICIENTS: Final = 750_000_000
"""Bytes that libjpeg keeps until the last scan of a picture in several: 250 megapixels in 4:2:0."""

JFIF: Final = b"\xff\xe0\x00\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0"
ADOBE: Final = b"\xff\xee\x00\x0eAdobe\0\x64\0\0\0\0"
"""Its last byte, the transform, is to follow."""
TRANSFORMS: Final = {3: 1, 4: 2}
"""By number of components: what an unknown transform is taken for, as libjpeg does."""

BITS: Final = 8
"""Of a sample; libjpeg-turbo's interfaces for 12 and 16 are others, and browsers read none of these."""

LONG_ZEROS: Final = bytes(256)
UNWRITTEN: Final = 64
"""Bytes alike that no encoder ends a scan with."""
RUNS: Final = frozenset({0x00, 0xF0})
"""Huffman symbols of many coefficients that are zero: the end of a block, and a run of 16."""
AC: Final = 0x10


@dataclass(slots=True)
class JpegPicture:
    """A JPEG taken apart.

    Raises `Undecodable` for too many pieces, `TooManyPixels` for too many pixels, or coefficients that have
    to be kept, and `ValueError` where parts of the picture are missing.
    """

    data: bytes
    frame: JpegFrame = field(init=False)
    exif: bytes | None = None
    """The first Exif block; others, and XMP, are not read."""
    has_end: bool = False
    """Whether its own end marker stands right behind its last scan."""
    _tables_and_scans: list[bytes | memoryview] = field(default_factory=list)
    _scanned: list[tuple[int, int]] = field(default_factory=list)
    """Where the compressed data of each scan lies."""
    _arrived: Arrived | None = None
    _is_jfif: bool = False
    _transform: int | None = None
    _shortest: set[int] = field(default_factory=set)
    """What zero bits stand for in the Huffman tables for AC coefficients."""

    def __post_init__(self) -> None:
        found = list(islice(segments(self.data), MAX_SEGMENTS + 1))
        counts.hold("segments", len(found), MAX_SEGMENTS)
        for segment, following in zip_longest(found, found[1:]):
            if segment.marker == EOI or (segment.marker == SOI and self._scanned):
                break
            self._take(segment, following)
            if self._arrived and self._arrived.is_all:
                break
        self._hold_to_its_parts()

    def stream(self) -> bytes:
        """What libjpeg is to read."""
        count = len(self.frame.components)
        adobe = b""
        if self._transform is not None and count in TRANSFORMS:
            known = {0, TRANSFORMS[count]}
            adobe = ADOBE + bytes([self._transform if self._transform in known else TRANSFORMS[count]])
        return b"".join(
            (b"\xff\xd8", JFIF if self._is_jfif else b"", adobe, *self._tables_and_scans, b"\xff\xd9")
        )

    def may_leave(self, count: int) -> bool:
        """Whether the last `count` bytes of the last scan are none of the picture.

        They are a trailer where no end marker stands behind them, or they fill the scan up: all the same.
        Where more bytes before them are the same too, the rest of the file was never written.
        """
        start, end = self._scanned[-1]
        tail = self.data[max(start, end - count - UNWRITTEN) : end]
        fills = len(set(tail[-count:])) == 1
        return len(set(tail)) > 1 if fills else not self.has_end

    def is_zeroed(self, left: int) -> bool:
        """Whether some blocks were lost to zeros, which libjpeg may decode without a word.

        Where zero bits stand for a coefficient, no photograph has as many of them in a row. `left` bytes of
        the last scan are none of the picture.
        """
        if self.frame.marker not in HUFFMAN or self._shortest & RUNS:
            return False
        *before, (start, end) = self._scanned
        return any(self.data.find(LONG_ZEROS, *each) >= 0 for each in (*before, (start, end - left)))

    def _take(self, segment: Segment, following: Segment | None) -> None:
        body = memoryview(self.data)[segment.start + 2 : segment.end]
        match segment.marker:
            case marker if marker in FRAMES:
                self._tables_and_scans.append(self._whole(segment))
                self.frame = JpegFrame.of(marker, bytes(body))
                if body[0] != BITS:
                    raise Undecodable(f"a JPEG of {body[0]} bits a sample; those of {BITS} are read")
                self._hold_to_its_size()
                self._arrived = Arrived(self.frame)
            case marker if marker == LS:
                raise Undecodable("a JPEG-LS image, which is not read: export the photograph as JPEG")
            case marker if marker in TABLES:
                self._tables_and_scans.append(self._whole(segment))
                if marker == DHT:
                    self._shortest |= set(_shortest(bytes(body)))
            case marker if marker == SOS:
                end = following.start - 2 if following else len(self.data)
                self._take_scan(bytes(body), segment.end, end)
                self.has_end = following is not None and following.marker == EOI
            case marker if marker == APP0:
                self._is_jfif |= bytes(body[:5]) == b"JFIF\0" and len(body) >= 14  # noqa: PLR2004 - of JFIF 1
            case marker if marker == APP1 and self.exif is None and bytes(body[:6]) == b"Exif\0\0":
                self.exif = bytes(body)
            case marker if marker == APP14 and bytes(body[:5]) == b"Adobe" and len(body) >= 12:  # noqa: PLR2004
                self._transform = body[11]

    def _take_scan(self, header: bytes, start: int, end: int) -> None:
        if self._arrived is None:
            raise ValueError("a scan before its frame")
        self._arrived.add(header)
        if self.frame.marker in SEQUENTIAL:
            header = header[:-3] + b"\0\x3f\0"  # nothing else is possible; libjpeg warns of what is
        length = (len(header) + 2).to_bytes(2, "big")
        self._tables_and_scans += [b"\xff\xda" + length + header, memoryview(self.data)[start:end]]
        self._scanned.append((start, end))

    def _whole(self, segment: Segment) -> memoryview:
        return memoryview(self.data)[segment.start - 2 : segment.end]

    def _hold_to_its_size(self) -> None:
        width, height = self.frame.width, self.frame.height
        if width * height > MAX_PIXELS:
            raise TooManyPixels(f"{width:,} x {height:,} pixels; the cap of a JPEG is {MAX_PIXELS:,}")

    def _hold_to_its_parts(self) -> None:
        if self._arrived is None:
            raise ValueError("no picture in it")
        if not self._arrived.is_all:
            raise ValueError("its last scans are missing" if self._scanned else "its scans are missing")
        if self.frame.marker in ARITHMETIC and not self.has_end:
            raise ValueError("it is cut short")  # its decoder says nothing of data that ends early
        width, height = self.frame.width, self.frame.height
        counts.hold("scans", len(self._scanned), MAX_SCANS)
        counts.hold("pixels in all scans together", width * height * len(self._scanned), MAX_SCANNED)
        is_kept = self.frame.marker in PROGRESSIVE or len(self._scanned) > 1
        if is_kept and self.frame.coefficient_bytes > MAX_COEFFICIENTS:
            raise TooManyPixels(
                f"{width:,} x {height:,} pixels in several scans, which have to be kept;"
                f" the cap is {MAX_COEFFICIENTS:,} bytes of coefficients"
            )


def _shortest(tables: bytes) -> list[int]:
    """Of each table for AC coefficients in a segment the symbol whose code is all zeros."""
    found, at = [], 0
    while at + 17 < len(tables):
        count = sum(tables[at + 1 : at + 17])
        if tables[at] & AC and count:
            found.append(tables[at + 17])
        at += 17 + count
    return found
