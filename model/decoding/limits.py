"""How many decoders there are, and what one image may take of one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DecoderLimits:
    """All of it counts for one process, which decodes one image at a time."""

    processes: int = 2
    memory: int = 2 * 2**30
    """Bytes that it may hold, itself included. The largest legal image passes in every format and mode."""
    deadline: float = 60.0
    """Seconds of CPU time for one image; also seconds that it may do nothing at all."""
