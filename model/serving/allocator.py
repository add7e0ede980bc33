"""C allocator: few arenas, and what was freed goes back to the machine (`mallopt`, `malloc_trim`)."""

from __future__ import annotations

import ctypes
from contextlib import suppress
from typing import Final

ARENAS: Final = 2
"""In which all threads allocate. By default each of many threads has one of its own, and what it keeps there
nobody else can use: a worker grew by 80 MB over fifty swaps of its model, and by none with two."""

_ARENA_MAX: Final = -8
"""Its name in glibc's malloc.h."""


def few_arenas() -> None:
    """For all threads that begin from now on: once, at the start of a process."""
    with suppress(OSError, AttributeError):  # another C library has no such call
        ctypes.CDLL(None).mallopt(_ARENA_MAX, ARENAS)


def give_back() -> None:
    """Let the machine have what is free; the allocator would keep it. Blocks for milliseconds, any thread."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
