"""Blocks of a GIF: its first frame, told from the extensions in front of it.

A GIF has no checksums: where an extension is broken, its length swallows what follows or leads into it. So
where something else than extensions is met on the way, the first place counts that reads as a frame which
fits the screen: text, colours, and packed pixels do not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice
from struct import Struct
from typing import Final

from model.refusals import counts

MAX_BLOCKS: Final = 65_536
"""Before the first frame; 255 bytes each, so this is 16 MiB of comments."""

PATIENCE: Final = 4 * MAX_BLOCKS
"""Commas that are looked at in search of a frame."""

SCREEN: Final = Struct("<6sHHBBB")
"""Magic, width, height, flags, background, aspect."""

DESCRIPTOR: Final = Struct("<cHHHHB")
"""A comma, left, top, width, height, flags."""

CONTROL: Final = Struct("<3sBHB")
"""A graphic control extension: its name and length, flags, delay, transparent index."""

CONTROL_NAME: Final = b"!\xf9\x04"
FRAME, EXTENSION, TRAILER = b",", b"!", b";"
COMMA: Final = re.compile(FRAME)

OWN_PALETTE, INTERLACED, TRANSPARENT = 0x80, 0x40, 0x01

CODES: Final = range(2, 9)
"""Bits that a frame may say its colours have."""


@dataclass(frozen=True, slots=True)
class FirstFrame:
    """A frame: its place on the screen, its colours, and where its packed pixels begin."""

    left: int
    top: int
    width: int
    height: int
    interlaced: bool
    palette: bytes
    """Its own; empty where it has none."""
    bits: int
    packed: int


@dataclass(slots=True)
class Blocks:
    """A GIF up to its first frame. Raises `ValueError` where there is none, `Undecodable` for too many."""

    data: bytes
    transparent: int | None = None
    """Index of the transparent colour."""
    lost: bool = False
    passed: int = 0

    def first_frame(self) -> FirstFrame:
        """The first frame, with what is in front of it read."""
        at = self._walk()
        found = _frame(self.data, at)
        if self.lost or found is None:
            found = self._searched() or found
        if found is None:
            raise ValueError("its picture is missing")
        if not found.width or not found.height:
            raise ValueError(f"its first frame has {found.width:,} x {found.height:,} pixels")
        return found

    def screen(self) -> tuple[int, int]:
        """Width and height that the header says."""
        _, width, height, *_ = SCREEN.unpack_from(self.data)
        return width, height

    def palette(self) -> bytes:
        """The one of all frames; empty where there is none."""
        return self.data[SCREEN.size : self._start()]

    def _start(self) -> int:
        _, _, _, flags, _, _ = SCREEN.unpack_from(self.data)
        return SCREEN.size + _palette_size(flags)

    def _walk(self) -> int:
        """Where the first frame should be."""
        at = self._start()
        while (kind := self.data[at : at + 1]) not in (b"", FRAME, TRAILER):
            self._count(1)
            if kind == EXTENSION:
                self._read_control(at)
                at = self._behind(at + 2)
            else:
                at, self.lost = at + 1, True
        return at

    def _read_control(self, at: int) -> None:
        if self.data.startswith(CONTROL_NAME, at) and at + CONTROL.size <= len(self.data):
            _, flags, _, index = CONTROL.unpack_from(self.data, at)
            self.transparent = index if flags & TRANSPARENT else None

    def _behind(self, at: int) -> int:
        """Where the blocks of an extension end that begin at `at`."""
        while at < len(self.data) and self.data[at]:
            at += 1 + self.data[at]
            self._count(1)
        return at + 1

    def _count(self, blocks: int) -> None:
        self.passed += blocks
        counts.hold("blocks before the first frame", self.passed, MAX_BLOCKS)

    def _searched(self) -> FirstFrame | None:
        """The first place that reads as a frame of this screen, whole or not."""
        for comma in islice(COMMA.finditer(self.data, self._start()), PATIENCE):
            found = _frame(self.data, comma.start())
            if found is not None and self._may_be(found):
                self._read_control(comma.start() - CONTROL.size - 1)
                return found
        return None

    def _may_be(self, frame: FirstFrame) -> bool:
        width, height = self.screen()
        fits = 0 < frame.width <= width - frame.left and 0 < frame.height <= height - frame.top
        return fits and frame.bits in CODES


def _frame(data: bytes, at: int) -> FirstFrame | None:
    """What is said of the frame at `at`, if there is room for it."""
    if data[at : at + 1] != FRAME or at + DESCRIPTOR.size > len(data):
        return None
    _, left, top, width, height, flags = DESCRIPTOR.unpack_from(data, at)
    start = at + DESCRIPTOR.size
    codes = start + _palette_size(flags)
    if codes >= len(data):
        return None
    interlaced = bool(flags & INTERLACED)
    return FirstFrame(left, top, width, height, interlaced, data[start:codes], data[codes], codes + 1)


def _palette_size(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & OWN_PALETTE else 0
