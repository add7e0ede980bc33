"""The bounds of the decoders. Apart from `options`, which their processes read: those import no pydantic."""

from __future__ import annotations

from pydantic import Field

from schemas.settings import Advanced, Section


class DecoderLimits(Section):
    """From bytes to pixels: a process decodes one image at a time."""

    processes: int = Field(2, ge=1, description="Images decoded at once, each in a process of its own")
    memory: int = Field(
        2 * 2**30,
        ge=128 * 2**20,
        description="Bytes that each of them may hold; an image that needs more is rejected",
    )
    """The process itself included. The largest legal image passes in every format and mode."""
    deadline: Advanced[float] = Field(
        60.0, ge=1, description="Seconds of CPU time that decoding one image may take"
    )
    """Also seconds that the process may do nothing at all."""
