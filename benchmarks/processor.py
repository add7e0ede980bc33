"""CPU time of other processes, as the kernel counts it."""

from __future__ import annotations

import time


def cpu_seconds(pid: int) -> float:
    """What all threads of the process have had. Raises `OSError` where there is none."""
    return time.clock_gettime((~pid << 3) | 2)  # the kernel's name for the CPU clock of another process
