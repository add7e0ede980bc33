"""libvips beside ours, in a process of its own that may die of a file, and what the two made of each."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Final, Self

SAME: Final = 1.0
"""Levels of 255, on average: the rounding of other arithmetic, and of chroma that was enlarged otherwise."""

SECONDS: Final = 20
MEMORY: Final = 2 * 2**30


class Agreement(StrEnum):
    """Whether both gave pixels, and the same."""

    SAME = "the same pixels"
    APART = "other pixels"
    OURS_ALONE = "read by ours alone"
    THEIRS_ALONE = "read by libvips alone"
    NEITHER = "refused by both"


@dataclass(frozen=True, slots=True)
class Compared:
    """One file. `ours` and `theirs` are what was said where there were no pixels."""

    name: str
    ours: str
    theirs: str
    apart: float | None = None
    """Mean difference in levels of 255, where both gave pixels."""

    @property
    def agreement(self) -> Agreement:
        """What this comes to."""
        if self.apart is not None:
            return Agreement.SAME if self.apart <= SAME else Agreement.APART
        if self.ours:
            return Agreement.NEITHER if self.theirs else Agreement.THEIRS_ALONE
        return Agreement.OURS_ALONE


class Libvips:
    """Starts the process when a file comes and there is none; `with` ends it."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()

    def compare(self, name: str, data: bytes) -> Compared:
        """What both make of `data`."""
        process = self._alive()
        assert process.stdin
        assert process.stdout
        request = {"length": len(data), "seconds": SECONDS, "memory": MEMORY}
        process.stdin.write(json.dumps(request).encode() + b"\n" + data)
        process.stdin.flush()
        answer = process.stdout.readline()
        if not answer:
            process.communicate()
            died = f"the process died of {signal.Signals(-process.returncode).name}"
            return Compared(name, died, died)
        return Compared(name, **json.loads(answer))

    def _alive(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.second_decoder.child"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # libvips warns there of what it also answers
            )
        return self._process
