"""C allocator: what the process has freed goes back to the machine (`malloc_trim`)."""

from __future__ import annotations

import ctypes
from contextlib import suppress


def give_back() -> None:
    """Let the machine have what is free; the allocator would keep it. Blocks for milliseconds, any thread."""
    with suppress(OSError, AttributeError):  # another C library has no such call
        ctypes.CDLL(None).malloc_trim(0)
