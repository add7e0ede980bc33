"""A process and all that it has started: CPU time and memory as the kernel counts them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

_TICK: Final = os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_USER: Final = 11
"""Of a process's `stat`, behind its name: user, system, and the same of its children that have ended."""


def tree(root: int) -> list[int]:
    """The process itself first, then its children, theirs and so on."""
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += _children(pid)
    return found


def session_of(leader: int) -> list[int]:
    """Every process of the session that `leader` began, also where it has ended itself."""
    found = []
    for place in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            if os.getsid(int(place.name)) == leader:
                found.append(int(place.name))
    return found


def cpu_seconds(root: int) -> float:
    """User and system time of the whole tree, children that have ended and were waited for among them."""
    return sum(_spent(pid) for pid in tree(root))


def resident_bytes(root: int) -> int:
    """Memory of the whole tree; pages that several of it share are counted in parts."""
    return sum(_proportional(pid) for pid in tree(root))


def resident_each(root: int) -> list[int]:
    """Memory of every process of the tree, the root's first; shared pages whole in each."""
    return [_resident(pid) for pid in tree(root)]


def _spent(pid: int) -> float:
    with suppress(OSError):
        return sum(map(int, _words(pid)[_USER : _USER + 4])) / _TICK
    return 0.0


def _words(pid: int) -> list[str]:
    # Behind the program's name in parentheses, which may hold anything.
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _children(pid: int) -> Iterator[int]:
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError):
                yield from map(int, (task / "children").read_text().split())


def _resident(pid: int) -> int:
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    return 0


def _proportional(pid: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0
