"""libvips beside ours, in a process of its own that may die of a file, and what the two made of each."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tests.answering_process import AnsweringProcess

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


class Libvips(AnsweringProcess):
    """Compares file by file."""

    def __init__(self) -> None:
        # What libvips warns of on standard error, it also answers.
        super().__init__([sys.executable, "-m", "tests.second_decoder.child"], quiet=True)

    def compare(self, name: str, data: bytes) -> Compared:
        """What both make of `data`."""
        found = self.ask(data, seconds=SECONDS, memory=MEMORY)
        if isinstance(found, str):
            died = f"the process died of {found}"
            return Compared(name, died, died)
        return Compared(name, **found)
