"""Photographs for a stress run: the program's own, or a folder's; each time with other bytes.

A worker knows bytes that it has scored by their digest. So each copy gets a mark of its own behind its end,
a box of the kind `free`, which containers of boxes (HEIC, AVIF) skip by their rules, and the other formats
because they have ended.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from model.drawn_pages import folder as drawn_pages
from operations import photographs
from schemas.errors import ConfigurationError

MOST_BYTES: Final = 256 * 2**20
"""Held in memory; what a folder has beyond that is not used."""


@dataclass(frozen=True, slots=True)
class StressPhotograph:
    """One photograph that copies are made of."""

    data: bytes
    suffix: str

    def copy(self, mark: str) -> bytes:
        """The same picture in bytes of their own."""
        text = mark.encode()
        return self.data + struct.pack(">I4s", 8 + len(text), b"free") + text


def read(paths: Sequence[Path], *, max_bytes: int) -> tuple[StressPhotograph, ...]:
    """The photographs of these files and folders, as many as are held in memory.

    Raises `ConfigurationError` where there are none, and `Rejected` for one that cannot be read.
    """
    if absent := [path for path in paths if not path.exists()]:
        raise ConfigurationError(f"--photographs {absent[0]}: there is no such file or folder")
    found: list[StressPhotograph] = []
    left = MOST_BYTES
    for file in (each for path in paths for each in (photographs.below(path) if path.is_dir() else (path,))):
        data = photographs.read(file, max_bytes=max_bytes)
        left -= len(data)
        if left < 0:
            break
        found.append(StressPhotograph(data, file.suffix.lower()))
    if not found:
        raise ConfigurationError(f"--photographs {', '.join(map(str, paths))}: no photographs there")
    return tuple(found)


def draw(number: int) -> tuple[StressPhotograph, ...]:
    """So many drawn pages, of all kinds; the same ones each time."""
    kinds = (drawn_pages.MENU, *drawn_pages.KINDS)
    return tuple(_drawn(kinds[each % len(kinds)], each) for each in range(number))


def _drawn(kind: str, number: int) -> StressPhotograph:
    page, out = drawn_pages.drawn(kind, Random(f"{kind} {number}")), io.BytesIO()
    page.save(out, "JPEG", quality=85)
    return StressPhotograph(out.getvalue(), ".jpg")
