"""How a decoder died, in words for people and as a cause that can be counted."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from signal import Signals, valid_signals
from typing import Final

from model.decoding.limits import DecoderLimits

OUT_OF_MEMORY: Final = 77
"""A decoder's exit code for a `MemoryError`; after one nothing in that process is sure to work."""


class Cause(StrEnum):
    """What a decoder died of."""

    CRASH = "crash"
    """A signal that a fault in native code brings: SIGSEGV, SIGABRT, ..."""
    KILLED = "killed"
    """SIGKILL, and none of ours: the kernel was short of memory, most often."""
    MEMORY = "memory"
    CPU = "cpu"
    HUNG = "hung"
    """It waited for something that never came."""
    EXIT = "exit"
    GARBLED = "garbled"
    """It answered what no decoder answers."""


@dataclass(frozen=True, slots=True)
class Death:
    """One decoder's."""

    cause: Cause
    how: str
    """As in "SIGSEGV", or "exit code 1"."""

    @property
    def takes_long(self) -> bool:
        """Whether it was told by time, which an image takes once more at every try."""
        return self.cause in {Cause.CPU, Cause.HUNG}


class DecoderDied(Exception):
    """A decoder died over an image, which need not be the image's fault."""

    def __init__(self, death: Death) -> None:
        super().__init__(death.how)
        self.death = death


def death_of(code: int, limits: DecoderLimits) -> Death:
    """What an exit code says; it is negative for a signal, as `subprocess` has it."""
    if code == OUT_OF_MEMORY:
        return Death(Cause.MEMORY, f"more than {limits.memory:,} bytes of memory")
    if code >= 0:
        return Death(Cause.EXIT, f"exit code {code}")
    match -code:
        case Signals.SIGXCPU:
            return Death(Cause.CPU, f"more than {limits.deadline:g} seconds of CPU time")
        case Signals.SIGKILL:
            return Death(Cause.KILLED, "SIGKILL")
    return Death(Cause.CRASH, Signals(-code).name if -code in valid_signals() else f"signal {-code}")


def hung(limits: DecoderLimits) -> Death:
    """Of one that was killed for doing nothing."""
    return Death(Cause.HUNG, f"nothing done for {limits.deadline:g} seconds")


GARBLED: Final = Death(Cause.GARBLED, "an answer that is none")
