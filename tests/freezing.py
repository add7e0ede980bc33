"""Processes that a test freezes: with SIGSTOP, and not believed before it has taken hold."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

WITHIN = 10.0


def freeze(pid: int) -> None:
    """Stop every thread of the process; the signal alone returns while some still run."""
    os.kill(pid, signal.SIGSTOP)
    deadline = time.monotonic() + WITHIN
    while not all(state == "T" for state in _states(pid)):
        assert time.monotonic() < deadline, f"process {pid} did not stop"
        time.sleep(0.01)


def thaw(pid: int) -> None:
    """Let it run again."""
    os.kill(pid, signal.SIGCONT)


def _states(pid: int) -> list[str]:
    """The state of each thread, as Linux shows it behind the program's name in parentheses."""
    tasks = Path(f"/proc/{pid}/task").glob("*/stat")
    return [task.read_text().rpartition(")")[2].split()[0] for task in tasks]
