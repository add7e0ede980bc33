"""Content identity: which bytes a photograph is, and what its uploader said beside them."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Final

from schemas.claims import Claim
from schemas.records import Content, ImageHead
from streams.ports import Fetched

_INLINE_DIGEST: Final = 2**20
"""Bytes that are hashed within half a millisecond: a thread would cost more than it saves."""

_RESTAURANT: Final = ("restaurant-id", "restaurant_id")
_UPLOADER: Final = ("uploader-id", "uploader_id")


async def content_of(data: bytes) -> Content:
    """The bytes' digest and size."""
    if len(data) <= _INLINE_DIGEST:
        digest = hashlib.sha256(data)
    else:
        digest = await asyncio.to_thread(hashlib.sha256, data)
    return Content(digest=digest.hexdigest(), size=len(data))


def is_same_object(head: ImageHead, claim: Claim) -> bool:
    """Whether the claim names the bytes of the head as storage named them when they were read."""
    held, named = head.location, claim.location
    if (held.bucket, held.key) != (named.bucket, named.key):
        return False
    return head.stored_as is not None and head.stored_as in (named.version, named.etag)


def with_metadata(claim: Claim, fetched: Fetched) -> Claim:
    """The claim with what the uploader said beside the object, where the event itself does not say it."""
    facts = {
        "restaurant_id": claim.restaurant_id or _named(fetched, _RESTAURANT),
        "uploader_id": claim.uploader_id or _named(fetched, _UPLOADER),
    }
    return claim.model_copy(update=facts)


def _named(fetched: Fetched, names: tuple[str, ...]) -> str | None:
    return next((value for name in names if (value := fetched.metadata.get(name))), None)
