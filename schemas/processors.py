"""Processors of this process: what its affinity leaves it, which may be fewer than the machine has."""

from __future__ import annotations

import os


def usable() -> int:
    """How many it may use; all of the machine's where the system keeps no affinity."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
