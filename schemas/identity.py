"""Deterministic ids: image ids, and event ids that a redelivery repeats.

`image_id` is the first 26 characters (130 bits) of the lower-case base32 of
the sha256 of bucket, newline and key, behind `img_`. It depends on nothing else, so an S3 notification, an
event of ours and `tagstream upload` name the same image alike.
"""

from __future__ import annotations

import base64
import hashlib
import uuid
from typing import Final

_NAMESPACE: Final = uuid.UUID("5d0ff3a8-6f0c-5a8e-9d53-2f9f5c2f7a10")
_ID_CHARACTERS: Final = 26


def image_id(bucket: str, key: str) -> str:
    """The stable id of the object `key` in `bucket`."""
    digest = hashlib.sha256(f"{bucket}\n{key}".encode()).digest()
    return "img_" + base64.b32encode(digest).decode().lower()[:_ID_CHARACTERS]


def event_id(*parts: str) -> str:
    """A UUID that the same `parts` always give: announcing twice gives one id, not two."""
    # Lengths keep the parts apart, whatever characters a producer put into its ids.
    return str(uuid.uuid5(_NAMESPACE, "".join(f"{len(part)}:{part}" for part in parts)))
