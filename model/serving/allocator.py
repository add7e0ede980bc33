"""C allocator: few arenas, large blocks apart, what was freed goes back (`mallopt`, `malloc_trim`)."""

from __future__ import annotations

import ctypes
from contextlib import suppress
from typing import Final

ARENAS: Final = 2
"""In which all threads allocate. By default each of many threads has one of its own, and what it keeps there
nobody else can use: a worker grew by 80 MB over fifty swaps of its model, and by none with two."""

LARGE: Final = 128 * 2**10
"""Bytes from which a block has pages of its own, which go back when it is freed. By default that rises to the
largest block that was ever freed: a photograph's bytes then lie between small blocks that stay, and their
room is not given back (a worker of 344 MiB holds 293 so, at the same cost)."""

SPARE: Final = 2**20
"""Bytes at the heap's end that are kept for the next."""

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
"""Their names in glibc's malloc.h."""


def hold_little() -> None:
    """For what is allocated, and all threads that begin, from now on: once, at the start of a process."""
    with suppress(OSError, AttributeError):  # another C library has no such call
        library = ctypes.CDLL(None)
        library.mallopt(_ARENA_MAX, ARENAS)
        library.mallopt(_MMAP_THRESHOLD, LARGE)
        library.mallopt(_TRIM_THRESHOLD, SPARE)


def give_back() -> None:
    """Let the machine have what is free; the allocator would keep it. Blocks for milliseconds, any thread."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
