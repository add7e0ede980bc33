"""Tells a process that hangs from one that is slow, starved, stopped or waiting for a disk."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

_ASLEEP: Final = "S"


class Stillness:
    """Counts the looks in a row at which a process neither had used its CPU nor wanted to.

    Wall time alone says nothing of an image: a frozen or overloaded machine makes any of them late.
    """

    def __init__(self, pid: int) -> None:
        self._tasks = Path(f"/proc/{pid}/task")
        self._clock = (~pid << 3) | 2  # the kernel's name for the CPU clock of another process
        self._used = 0.0
        self._looks = 0

    def begin(self) -> None:
        """Count from nothing."""
        self._looks = 0

    def looks(self) -> int:
        """Look once more; how many in a row saw it asleep."""
        try:
            used = time.clock_gettime(self._clock)
            is_still = used == self._used and self._all_asleep()
        except (OSError, IndexError):  # it has ended, or this is no Linux
            return 0
        self._used = used
        self._looks = self._looks + 1 if is_still else 0
        return self._looks

    def _all_asleep(self) -> bool:
        # The state stands behind the program's name, which is in parentheses and may hold anything.
        states = [task.read_text().rpartition(")")[2].split()[0] for task in self._tasks.glob("*/stat")]
        return bool(states) and set(states) == {_ASLEEP}
