"""Bytes in which the tagger without a network sees what a test wants it to see."""

from __future__ import annotations

import hashlib
from itertools import count

from agents.testing import LABELS

THRESHOLD = 0.7


def picture(label: str, *, of: str, version: str = "1") -> bytes:
    """Bytes in which that version of the fake tagger sees this label alone; others for another `of`."""
    for number in count():
        data = f"{of} {number}".encode()
        digest = hashlib.sha256(data + version.encode()).digest()
        if [name for name, byte in zip(LABELS, digest, strict=False) if byte / 255 >= THRESHOLD] == [label]:
            return data
    raise AssertionError
