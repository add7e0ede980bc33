"""One hostile file: how it is built, how it may end, and what that may cost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

PIXELS, UNDECODABLE, TOO_MANY = "pixels", "undecodable", "too_many_pixels"

ANY: Final = frozenset({PIXELS, UNDECODABLE, TOO_MANY})
REFUSED: Final = frozenset({UNDECODABLE, TOO_MANY})

BASE_BYTES: Final = 64 * 2**20
"""For a file of few pixels: the first use of a codec, its threads' stacks, what the allocator keeps."""

BYTES_A_PIXEL: Final = 20
"""A WebP is two canvases, what was decoded of it and Pillow's copy: 16, and its decoder needs some more."""

COPIES: Final = 4
"""Of the file itself: as it came, as Pillow buffers it, as a decoder holds it, and one that is being made."""

BASE_SECONDS: Final = 3
"""Of a processor. The dearest file of few pixels takes a tenth of it; the storms took this and far more."""

PIXELS_A_SECOND: Final = 8_000_000
"""What is really decoded runs at four times this and more."""


@dataclass(frozen=True, slots=True)
class Case:
    """A named file. `build` makes it, always the same; `pixels` is how many may really be decoded."""

    name: str
    build: Callable[[], bytes]
    endings: frozenset[str] = frozenset({UNDECODABLE})
    pixels: int = 0

    def seconds(self) -> int:
        """Of a processor that it may take, on a slow machine."""
        return BASE_SECONDS + self.pixels // PIXELS_A_SECOND

    def memory(self, size: int) -> int:
        """Bytes that the process may grow by, for a file of `size` bytes."""
        return BASE_BYTES + COPIES * size + BYTES_A_PIXEL * self.pixels


def case(name: str, build: Callable[[], bytes], *endings: str, pixels: int = 0) -> Case:
    """A case that may end in these ways; refused as undecodable if none is given."""
    return Case(name, build, frozenset(endings or (UNDECODABLE,)), pixels)
