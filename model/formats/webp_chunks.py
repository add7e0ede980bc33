"""Chunks of a WebP: its picture, or the first one of an animation, told from what only stands beside it.

libwebp opens no file that is not sound to its last byte, so what stands beside the picture would cost it: a
length of the whole that is wrong by one, an EXIF block that is cut, a later frame that is damaged. So the
picture is taken out and packed anew. Where a length in front of it lies, it is found by how pictures begin.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from struct import pack, unpack_from
from typing import Final

MAX_CHUNKS: Final = 65_536
"""That are passed on the way to the picture, and behind it."""

PATIENCE: Final = 4 * MAX_CHUNKS
"""Places that are looked at in search of the picture."""

MAX_EXIF: Final = 1 << 20
"""Bytes of an EXIF block that is read; a turn needs some dozens."""

START: Final = 12
"""Behind `RIFF`, a length, and `WEBP`."""

HEAD: Final = 8
"""A name and a length, in front of each body."""

LOSSY, LOSSLESS, ALPHA, FRAME, CANVAS, EXIF = b"VP8 ", b"VP8L", b"ALPH", b"ANMF", b"VP8X", b"EXIF"

MAX_BETWEEN: Final = 16
"""Unknown chunks between alpha and its picture."""

LOSSY_HEAD, LOSSLESS_HEAD = 10, 5
"""Bytes that say how large a picture is."""

PICTURES: Final = frozenset({LOSSY, LOSSLESS, ALPHA, FRAME})
KNOWN: Final = PICTURES | {CANVAS, EXIF, b"ICCP", b"ANIM", b"XMP "}
BEGINNING: Final = re.compile(b"|".join(sorted(PICTURES)))

FRAME_HEAD: Final = 16
"""Of a frame of an animation: place, size, duration, flags."""

CANVAS_HEAD: Final = 10
"""Flags, three bytes of nothing, width, height."""

HAS_ALPHA, HAS_EXIF = 0x10, 0x08
"""Flags of `VP8X`."""

LOSSY_SIGNATURE, LOSSLESS_SIGNATURE = b"\x9d\x01\x2a", b"\x2f"

Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Coded:
    """A picture of `size` as one of the two codecs has packed it, with its alpha if that stands apart."""

    kind: bytes
    body: memoryview
    size: Size
    alpha: memoryview | None = None
    place: Size | None = None
    """On its canvas, if it is a frame of an animation."""

    def packed(self) -> bytes:
        """As a file of nothing else."""
        chunks = [_chunk(self.kind, self.body)]
        if self.alpha is not None:
            sides = b"".join((side - 1).to_bytes(3, "little") for side in self.size)
            chunks = [_chunk(CANVAS, bytes([HAS_ALPHA, 0, 0, 0]) + sides), _chunk(ALPHA, self.alpha), *chunks]
        body = b"".join(chunks)
        return b"RIFF" + pack("<I", 4 + len(body)) + b"WEBP" + body


@dataclass(frozen=True, slots=True)
class Parts:
    """What is needed of a WebP: its picture, the size that is shown of it, its EXIF block."""

    coded: Coded
    size: Size
    exif: bytes


def parts(data: bytes) -> Parts:
    """Raises `ValueError` where the picture is missing, damaged, or cut short."""
    view, canvas, exif = memoryview(data), b"", b""
    coded: Coded | None = None
    for kind, start, end in islice(_walk(data), MAX_CHUNKS):
        if kind == CANVAS and not canvas and end - start >= CANVAS_HEAD:
            canvas = data[start:end]
        elif kind in PICTURES and coded is None:
            coded = _coded(view, start - HEAD)
        elif kind == EXIF and not exif and canvas and canvas[0] & HAS_EXIF and end - start <= MAX_EXIF:
            exif = data[start:end]
    coded = coded or _searched(view)
    return Parts(coded, _shown(coded, canvas), exif)


def _shown(coded: Coded, canvas: bytes) -> Size:
    if canvas:
        return _side(canvas, 4) + 1, _side(canvas, 7) + 1
    left, top = coded.place or (0, 0)
    return left + coded.size[0], top + coded.size[1]


def _walk(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Name, start, and end of each chunk, up to the end that the file says if it can be believed."""
    (told,) = unpack_from("<I", data, 4)
    last = told + HEAD if START < told + HEAD <= len(data) else len(data)
    at = START
    while at + HEAD <= last:
        kind, start, end = _bounds(data, at)
        yield kind, start, end
        padded = end + (end - start) % 2
        # Some writers leave out the byte that makes a length even.
        at = end if data[end : end + 4] in KNOWN else padded


def _bounds(data: bytes | memoryview, at: int) -> tuple[bytes, int, int]:
    kind, length = unpack_from("<4sI", data, at)
    return kind, at + HEAD, at + HEAD + length


def _searched(data: memoryview) -> Coded:
    for found in islice(BEGINNING.finditer(data, START), PATIENCE):
        try:
            return _coded(data, found.start())
        except ValueError:
            continue
    raise ValueError("its picture is missing")


def _coded(data: memoryview, at: int) -> Coded:
    """The picture that is at `at`; raises `ValueError` if there is none, or not all of it."""
    if at + HEAD > len(data):
        raise ValueError("it is cut short")
    kind, start, end = _bounds(data, at)
    if end > len(data):
        raise ValueError(f"it is cut short by {end - len(data):,} bytes")
    body = data[start:end]
    match kind:
        case b"ANMF":
            inner = _coded(body, FRAME_HEAD)
            if inner.place or inner.size != (_side(body, 6) + 1, _side(body, 9) + 1):
                raise ValueError("its first frame is not of the size that it says")
            return replace(inner, place=(2 * _side(body, 0), 2 * _side(body, 3)))
        case b"ALPH":
            return replace(_behind_alpha(data, end + len(body) % 2), alpha=body)
        case b"VP8 " if body[3:6] == LOSSY_SIGNATURE and len(body) >= LOSSY_HEAD:
            width, height = unpack_from("<HH", body, 6)
            return Coded(kind, body, (width & 0x3FFF, height & 0x3FFF))
        case b"VP8L" if body[:1] == LOSSLESS_SIGNATURE and len(body) >= LOSSLESS_HEAD:
            (bits,) = unpack_from("<I", body, 1)
            return Coded(kind, body, ((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1))
    raise ValueError("its picture is damaged")


def _behind_alpha(data: memoryview, at: int) -> Coded:
    """The picture that an alpha channel belongs to: unknown chunks may stand between the two."""
    for _ in range(MAX_BETWEEN):
        if at + HEAD > len(data):
            break
        kind, start, end = _bounds(data, at)
        if kind == LOSSY:
            return _coded(data, at)
        at = end + (end - start) % 2
    raise ValueError("its alpha channel is of no picture")


def _side(data: bytes | memoryview, at: int) -> int:
    return int.from_bytes(data[at : at + 3], "little")


def _chunk(kind: bytes, body: bytes | memoryview) -> bytes:
    return b"".join([kind, pack("<I", len(body)), body, bytes(len(body) % 2)])
