"""Event types: which words, as the type of a CloudEvent or of our own JSON, say upload or removal.

A type that is not known is never an upload: `photo.viewed` must not tag an image anew, and
`photo.deleted` must not bring one back.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import Final

from schemas.errors import Malformed

UPLOADS: Final = ("uploaded", "created")
REMOVALS: Final = ("deleted", "removed")
KNOWN: Final = (
    "known are ImageUploaded and ImageRemoved, and what ends in"
    f" {UPLOADS[0]}, {UPLOADS[1]}, {REMOVALS[0]} or {REMOVALS[1]}"
)
"""What a letter says of an unknown one."""
_VERSION: Final = re.compile(r"([\W_]*event)?[\W_]*(v?\d+(\.\d+)*)?\Z", re.IGNORECASE | re.ASCII)
"""What may stand behind the word: `Event`, and a version."""
_OPPOSITE: Final = tuple(f"un{word}" for word in (*UPLOADS, *REMOVALS))
_SHOWN: Final = 100


class Asked(Enum):
    """What an event of a type asks for."""

    UPLOAD = auto()
    REMOVAL = auto()


def asked(kind: object) -> Asked:
    """What an event of the type `kind` asks for; raises `Malformed` where it is not known."""
    if not isinstance(kind, str):
        raise Malformed("type: not text")
    word = _VERSION.sub("", kind[-_SHOWN:]).lower()
    if not word.endswith(_OPPOSITE):
        if word.endswith(UPLOADS):
            return Asked.UPLOAD
        if word.endswith(REMOVALS):
            return Asked.REMOVAL
    raise Malformed(f"the type `{kind[:_SHOWN]}` is not known; {KNOWN}")
