"""Wire protocol between a worker and its decoders: lengths and JSON, beside an area that both see.

Never a pickle: a decoder that a hostile image has taken over must not take over the worker too. It may lie
about an image, and that is all that it may do.
"""

from __future__ import annotations

import json
from enum import IntEnum
from struct import Struct
from typing import Final

from schemas.errors import ForeignFormat, Rejected, Stage, TooManyPixels, Undecodable, Unforeseen
from schemas.photograph_facts import PhotographFacts

REQUEST: Final = Struct(">Q?H")
"""The length of the image's bytes, which are in the area, and whether its rendition is wanted, too; then the
longer side of the thumbnail that is wanted in place of both, or 0."""

ANSWER: Final = Struct(">BQQII8s")
"""The `FrameKind`, the bytes of memory that the decoder holds now, and the length of what follows; then the
photograph's width, its height and its format, of which nothing is known where they are 0."""

LONGEST_REFUSAL: Final = 64 * 2**10
"""Bytes of a rejection, at most."""

OUT_OF_MEMORY: Final = 77
"""A decoder's exit code for a `MemoryError`; after one nothing in that process is sure to work."""

_LONGEST_MESSAGE: Final = 2_000
_KNOWN: Final = {kind.__name__: kind for kind in (Undecodable, ForeignFormat, TooManyPixels)}


class FrameKind(IntEnum):
    """What an answer is."""

    PIXELS = 0
    """They are in the area. The rendition follows, where one was asked for and there is one."""
    REJECTED = 1
    """Why follows."""
    THUMBNAIL = 2
    """It follows; the area has nothing."""


def packed_facts(facts: PhotographFacts | None) -> tuple[int, int, bytes]:
    """For `ANSWER`."""
    return (facts.width, facts.height, facts.format.encode()) if facts else (0, 0, b"")


def unpacked_facts(width: int, height: int, form: bytes) -> PhotographFacts | None:
    """Out of an `ANSWER`; a decoder may say what it likes, and only letters are taken for a format."""
    name = form.rstrip(b"\0").decode("ascii", "replace")
    return PhotographFacts(width, height, name) if width and height and name.isalpha() else None


def refusal(error: Exception) -> bytes:
    """`error` for the way back; what decoding does not raise on purpose becomes `Unforeseen`."""
    if not isinstance(error, (*_KNOWN.values(), Unforeseen)):
        error = Unforeseen.of(error, stage=Stage.DECODE)
    fields = {
        "kind": type(error).__name__,
        "message": str(error)[:_LONGEST_MESSAGE],
        "trace": getattr(error, "trace", ""),
    }
    return json.dumps(fields).encode()


def refused(payload: bytes) -> Rejected:
    """The error that `refusal` was given. Raises `ValueError` for anything else."""
    match json.loads(payload):
        case {"kind": "Unforeseen", "message": str(message), "trace": str(trace)}:
            return Unforeseen(message, stage=Stage.DECODE, trace=trace)
        case {"kind": str(kind), "message": str(message)} if kind in _KNOWN:
            return _KNOWN[kind](message)
    raise ValueError("no rejection that decoding knows")
