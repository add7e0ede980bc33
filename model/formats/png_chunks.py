"""Chunks of a PNG: the picture, told from what only stands beside it.

Of what stands beside it nothing is inflated, and nothing that is wrong with it costs the picture: a chunk
whose checksum or length is not what it says is passed over, as browsers do. A length that lies leads to no
chunk; then the next one goes on whose checksum is right. For the pixels a wrong checksum is no more than a
doubt, since they have one of their own; where both are wrong the file is damaged.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from struct import unpack_from
from typing import Final

from model.refusals import counts

MAGIC: Final = b"\x89PNG\r\n\x1a\n"

MAX_CHUNKS: Final = 65_536
"""Encoders cut their pixels into chunks of 8 KiB, so this is half a gigabyte of them."""

MAX_BESIDE: Final = 1 << 20
"""Bytes of a chunk that is read though it is not the picture; a turn or a colour needs a few."""

HEADER, PALETTE, PIXELS, END = b"IHDR", b"PLTE", b"IDAT", b"IEND"

BESIDE: Final = frozenset({b"tRNS", b"gAMA", b"sRGB", b"iCCP", b"cICP", b"eXIf"})
"""All that is looked at beside the picture; eXIf may stand behind the pixels too."""

NAME: Final = re.compile(rb"[A-Za-z]{4}")
KNOWN: Final = re.compile(rb"IHDR|PLTE|IDAT|IEND|tRNS|gAMA|sRGB|iCCP|cICP|eXIf")

PATIENCE: Final = 4
"""Times the file's own length that may be summed up in search of the next chunk."""

PIECE: Final = 1 << 16
"""Bytes that are inflated at a time where only their checksum counts."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """What is called `kind` and lies from `start` to `end`; `lost` if it was not where it should be."""

    kind: bytes
    start: int
    end: int
    lost: bool


@dataclass(slots=True)
class Chunks:
    """A PNG taken apart. Raises `ValueError` for a header that is damaged, `Undecodable` for too many."""

    data: bytes
    header: bytes = b""
    palette: bytes = b""
    pixels: list[Chunk] = field(default_factory=list)
    beside: dict[bytes, bytes] = field(default_factory=dict)
    doubtful: bool = False
    """Whether something between the pixels is amiss."""

    def __post_init__(self) -> None:
        for chunk in _walk(self.data):
            self._take(chunk)
        if not self.header:
            raise ValueError("its header is missing")
        if not self.pixels:
            raise ValueError("its pixels are missing")

    def compressed(self, most: int) -> bytes | memoryview:
        """All pixels as they were packed, at most so many bytes of them. Raises `ValueError` if damaged."""
        parts = [memoryview(self.data)[chunk.start : chunk.end] for chunk in self.pixels]
        packed = parts[0] if len(parts) == 1 else b"".join(parts)
        if self.doubtful or not all(self._arrived(chunk) for chunk in self.pixels):
            _hold_to_its_own_sum(packed, most)
        return packed

    def _take(self, chunk: Chunk) -> None:
        match chunk.kind:
            case b"IHDR" if not self.header:
                self.header = self._whole(chunk)
            case b"PLTE" if not self.palette:
                # In a picture of another kind it is a suggestion; there nobody asks for it.
                self.palette = self._whole(chunk) if self.header[9:10] == b"\3" else b""
            case b"IDAT":
                # What stood between may have been pixels once.
                self.doubtful |= chunk.lost or bool(self.pixels and self.pixels[-1].end + 12 != chunk.start)
                self.pixels.append(chunk)
            case kind if kind in BESIDE and (not self.pixels or kind == b"eXIf"):
                if chunk.end - chunk.start <= MAX_BESIDE and _is_whole(self.data, chunk.start, chunk.end):
                    self.beside.setdefault(kind, self.data[chunk.start : chunk.end])

    def _whole(self, chunk: Chunk) -> bytes:
        if not _is_whole(self.data, chunk.start, chunk.end):
            raise ValueError(f"the checksum of {chunk.kind.decode()} is wrong")
        return self.data[chunk.start : chunk.end]

    def _arrived(self, chunk: Chunk) -> bool:
        """Of a file that is cut short the last checksum is not there: whether all rows are tells then."""
        return chunk.end + 4 > len(self.data) or _is_whole(self.data, chunk.start, chunk.end)


def _walk(data: bytes) -> Iterator[Chunk]:
    """The chunks in order, up to the end of the picture or of the file."""
    at: int | None = len(MAGIC)
    lost, search = False, _Search(data)
    for number in count():
        if at is None or at + 8 > len(data):
            return
        if number == MAX_CHUNKS:
            raise counts.too_many("chunks", MAX_CHUNKS)
        length, kind = unpack_from(">I4s", data, at)
        end = at + 8 + length
        if not _leads_on(data, kind, end):
            at, lost = search.beyond(at + 1), True
            continue
        yield Chunk(kind, at + 8, min(end, len(data)), lost)
        if kind == END:
            return
        at, lost = end + 4, False


def _leads_on(data: bytes, kind: bytes, end: int) -> bool:
    """Whether this is a chunk. One of the picture may be cut short; any other must have another behind it."""
    if kind in (HEADER, PALETTE, PIXELS, END):
        return True
    return NAME.fullmatch(kind) is not None and (
        end + 4 == len(data) or NAME.match(data, end + 8) is not None
    )


@dataclass(slots=True)
class _Search:
    """Looks for the next whole chunk; it gives up before a hostile file costs more than its length says."""

    data: bytes
    summed: int = 0

    def beyond(self, at: int) -> int | None:
        for found in KNOWN.finditer(self.data, at + 4):
            start = found.start() - 4
            (length,) = unpack_from(">I", self.data, start)
            if start + 12 + length > len(self.data):
                continue
            self.summed += length
            if self.summed > PATIENCE * len(self.data):
                return None
            if _is_whole(self.data, start + 8, start + 8 + length):
                return start
        return None


def _is_whole(data: bytes, start: int, end: int) -> bool:
    """Whether the checksum behind a chunk is that of its name and body."""
    return data[end : end + 4] == zlib.crc32(memoryview(data)[start - 4 : end]).to_bytes(4, "big")


def _hold_to_its_own_sum(packed: bytes | memoryview, most: int) -> None:
    """Inflate the pixels and drop them; raises `ValueError` unless they are what their own checksum says."""
    packer, size = zlib.decompressobj(), 0
    try:
        for start in range(0, len(packed), PIECE):
            rest: bytes | memoryview = packed[start : start + PIECE]
            while rest and size <= most:
                size += len(packer.decompress(rest, PIECE))
                rest = packer.unconsumed_tail
    except zlib.error as error:
        raise ValueError("its pixels are not what their checksums say") from error
    if not packer.eof:
        raise ValueError("its pixels are not what their checksums say")
