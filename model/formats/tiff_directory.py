"""TIFF directory: the first page of a file, what it says of its pixels, and where they lie.

Pillow and libtiff read whatever a directory holds, and every directory behind it. So the entries that the
pixels need are copied into a directory of their own, and the decoders see nothing else: no loops, no
thousands of tags, nothing broken that stands beside the picture.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from schemas.errors import Undecodable

MAX_ENTRIES: Final = 4_096
"""Of a directory; a photograph has some dozens."""

MAX_PIECES: Final = 300_000
"""Strips or tiles: one a row in four planes, at the longest side."""

MAX_VALUE: Final = 1 << 20
"""Bytes of an entry that is no list of strips."""

SUBFILE, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, MAKE = 254, 256, 257, 258, 259, 262, 271
OFFSETS, ORIENTATION, SAMPLES, ROWS, COUNTS, PLANAR = 273, 274, 277, 278, 279, 284
TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_COUNTS, FORMAT = 322, 323, 324, 325, 339
PALETTE, SUBDIRECTORIES, EXTRA, CFA_PATTERN, DNG = 320, 330, 338, 33_421, 50_706

BYTE: Final = 255

PIECES: Final = frozenset({OFFSETS, COUNTS, TILE_OFFSETS, TILE_COUNTS})

NEEDED: Final = PIECES | {
    *(WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, SAMPLES, ROWS, PLANAR, TILE_WIDTH, TILE_HEIGHT),
    *(EXTRA, FORMAT, PALETTE, 266, 292, 293, 317, 347, 529, 530, 531, 532),
}
"""What the decoders are shown: also the order of bits, options of fax, predictor, palette, tables, YCbCr."""

TOLD: Final = NEEDED | {SUBFILE, MAKE, ORIENTATION, SUBDIRECTORIES, CFA_PATTERN, DNG}
"""What is read here."""

SIZES: Final = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8}
"""Bytes of a value, by its type."""

LETTERS: Final = {1: "B", 3: "H", 4: "I", 7: "B", 13: "I", 16: "Q"}
"""Of the types that are whole numbers."""


@dataclass(frozen=True, slots=True)
class Directory:
    """The first directory of a TIFF: its entries as they stand in the file, by tag."""

    data: bytes
    order: str
    """`<` or `>`, as `struct` writes it."""
    is_big: bool
    entries: dict[int, bytes]

    @classmethod
    def of(cls, data: bytes) -> Directory:
        """Raises `Undecodable` where there is none, or one of too many entries."""
        order = "<" if data[:2] == b"II" else ">"
        is_big = data[2:4] in (b"+\0", b"\0+")
        try:
            found = dict(_entries(data, order, is_big=is_big))
        except struct.error as error:
            raise Undecodable("damaged TIFF image: its list of tags is cut short") from error
        return cls(data, order, is_big, found)

    def number(self, tag: int, default: int = 0) -> int:
        """The first value of a tag."""
        found = self.numbers(tag)
        return found[0] if found else default

    def numbers(self, tag: int) -> tuple[int, ...]:
        """All values of a tag; none where it is absent or holds no whole numbers."""
        kind, count, raw = self._value(tag)
        letter = LETTERS.get(kind)
        return struct.unpack(f"{self.order}{count}{letter}", raw) if letter else ()

    def text(self, tag: int) -> str:
        """The words of a tag."""
        return self._value(tag)[2].split(b"\0")[0].decode("latin-1").strip()

    def alone(self) -> bytes:
        """The file again with a directory that holds what its pixels need and nothing else."""
        kept = {tag: entry for tag, entry in sorted(self.entries.items()) if tag in NEEDED}
        if not all(self._is_there(tag) for tag in self.entries if tag in NEEDED):
            raise Undecodable("damaged TIFF image: what it says of its pixels is cut short")
        at = len(self.data) + len(self.data) % 2
        count, end = ("Q", "Q") if self.is_big else ("H", "I")
        size = struct.calcsize("=" + count + end) + sum(map(len, kept.values()))
        if colours := self._widened():
            about = struct.pack(self.order + "HH" + end, PALETTE, 3, len(colours) // 2)
            kept[PALETTE] = about + struct.pack(self.order + end, at + size)
        told = struct.pack(self.order + count, len(kept)) + b"".join(kept.values())
        body = told + struct.pack(self.order + end, 0) + colours
        head = self.data[:8] if self.is_big else self.data[:4]
        start = struct.pack(self.order + end, at)
        rest = self.data[len(head) + len(start) :]
        return b"".join((head, start, rest, bytes(len(self.data) % 2), body))

    def _widened(self) -> bytes:
        """A palette of 8 bits a colour, as some writers have it, in the 16 that are right; empty for none."""
        colours = self.numbers(PALETTE)
        if not colours or max(colours) > BYTE:
            return b""
        return struct.pack(f"{self.order}{len(colours)}H", *(each * (BYTE + 2) for each in colours))

    def _is_there(self, tag: int) -> bool:
        kind, count, raw = self._value(tag)
        return len(raw) == count * SIZES.get(kind, 1) > 0

    def _value(self, tag: int) -> tuple[int, int, bytes]:
        """Type, count, and the bytes of the values; none where they lie outside of the file."""
        entry = self.entries.get(tag)
        if entry is None:
            return 0, 0, b""
        _, kind, count = struct.unpack_from(self.order + ("HHQ" if self.is_big else "HHI"), entry)
        inline, place = (8, "Q") if self.is_big else (4, "I")
        size = count * SIZES.get(kind, 0)
        if tag in PIECES and count > MAX_PIECES:
            raise Undecodable(
                f"a TIFF of more than {MAX_PIECES:,} strips or tiles: no photograph has as many"
            )
        if size == 0 or (tag not in PIECES and size > MAX_VALUE):
            return 0, 0, b""
        at = len(entry) - inline
        if size > inline:
            (start,) = struct.unpack_from(self.order + place, entry, at)
            raw = self.data[start : start + size]
        else:
            raw = entry[at : at + size]
        return (kind, count, raw) if len(raw) == size else (0, 0, b"")


def _entries(data: bytes, order: str, *, is_big: bool) -> Iterator[tuple[int, bytes]]:
    """The entries that are read, the first of each tag last, so that it is the one that counts."""
    (start,) = struct.unpack_from(order + ("Q" if is_big else "I"), data, 8 if is_big else 4)
    if start > len(data):
        raise Undecodable("damaged TIFF image: it is cut short")
    (count,) = struct.unpack_from(order + ("Q" if is_big else "H"), data, start)
    if count > MAX_ENTRIES:
        raise Undecodable(f"a TIFF of more than {MAX_ENTRIES:,} tags: no photograph has as many")
    first, size = (start + 8, 20) if is_big else (start + 2, 12)
    if first + size * count > len(data):
        raise Undecodable("damaged TIFF image: its list of tags is cut short")
    for number in reversed(range(count)):
        entry = data[first + size * number : first + size * (number + 1)]
        (tag,) = struct.unpack_from(order + "H", entry)
        if tag in TOLD:
            yield tag, entry
