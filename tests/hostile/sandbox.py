"""A process of its own in which hostile files are decoded; it may die of one and the next finds a new one."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Final

from tests.answering_process import AnsweringProcess
from tests.hostile.case import PIXELS, REFUSED, Case

ENVIRONMENT: Final = {"MALLOC_MMAP_THRESHOLD_": "262144", "MALLOC_TRIM_THRESHOLD_": "262144"}
"""What was freed goes back at once, so that the peak of one file is not hidden in the leavings of another."""

KIND: Final = ["uint8", 3, 64, 64, True]
LONGEST_MESSAGE: Final = 500

INNER: Final = (
    *("bytes not processed", "MAX_", "_io.", " stream", "buffer", "overrun", "decoder object", "Pillow"),
    *("bomb", "attack", "DOS", "libjpeg", "libtiff", "Ss=", "object at"),
)
"""Words of a decoder's inside, and accusations: a refusal says what is wrong with the file."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a file ended, with what was said, and what it took. A signal's name if the process died of it."""

    ending: str
    message: str = ""
    seconds: float = 0
    memory: int = 0
    warnings: tuple[str, ...] = ()
    digest: str = ""
    kind: tuple[str | int | bool, ...] = ()


class Sandbox(AnsweringProcess):
    """Decodes files under the limits of their cases."""

    def __init__(self, *options: str) -> None:
        command = [sys.executable, *(options or ("-W", "always")), "-m", "tests.hostile.child"]
        super().__init__(command, environment=ENVIRONMENT)

    def decode(self, data: bytes, case: Case) -> Outcome:
        """How `data` ends under the limits of `case`."""
        found = self.ask(data, seconds=case.seconds(), memory=case.memory(len(data)))
        if isinstance(found, str):
            return Outcome(found)
        return Outcome(
            **{**found, "warnings": tuple(found["warnings"]), "kind": tuple(found.get("kind", ()))}
        )


def faults(outcome: Outcome, case: Case, size: int) -> list[str]:
    """What is wrong with how a file of `size` bytes ended; nothing, mostly."""
    message, held = outcome.message, case.memory(size)
    wrong = {
        f"ended as {outcome.ending}: {message}": outcome.ending not in case.endings,
        f"pixels of {outcome.kind}": outcome.ending == PIXELS and list(outcome.kind) != KIND,
        f"a message of {len(message)} characters: {message!r}": outcome.ending in REFUSED
        and not (0 < len(message) <= LONGEST_MESSAGE and message.isprintable()),
        f"speaks of a decoder's inside: {message}": any(word in message for word in INNER),
        f"warned: {outcome.warnings}": bool(outcome.warnings),
        f"took {outcome.memory:,} bytes, the bound is {held:,}": outcome.memory > held,
        f"took {outcome.seconds:.1f} s, the bound is {case.seconds()}": outcome.seconds > case.seconds(),
    }
    return [said for said, so in wrong.items() if so]
