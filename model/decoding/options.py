"""Decoder options and limits; a decoder gets them on its command line, so that `ps` shows them too."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Final, Self

REAL: Final = "model.preprocess:Preprocess.decode_and_reduce"


@dataclass(frozen=True, slots=True)
class DecodeOptions:
    """How to decode, and how much that may take."""

    size: int
    fit: str
    max_pixels: int
    memory: int
    """Bytes that the process may hold, itself included."""
    deadline: float
    """Seconds of CPU time for one image."""
    worker: int
    """The process to die with."""
    area: int
    """The file descriptor of what both see."""
    decode: str = REAL
    """Where to find `(Preprocess, bytes, RenditionRecipe | None) -> DecodedImage`."""
    rendition: str | None = None
    """The name of the recipe that renditions are made by; none are made without one."""

    @classmethod
    def read(cls, text: str) -> Self:
        """What `text` gives."""
        return cls(**json.loads(text))

    def text(self) -> str:
        """For `read`."""
        return json.dumps(asdict(self))
