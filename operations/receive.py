"""Reception of uploads: a photograph is put where nothing stands, or found where it is said, and announced.

What is no photograph is refused before it is put. A worker tags it as any other upload.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from operations.outbox import EventSink
from operations.uploader import RESTAURANT_METADATA
from schemas.errors import Gone, TagstreamError
from schemas.uploads import ImageUploaded, Location
from streams.ports import ObjectFiles

_SHA256: Final = "tagstream-sha256"


class KeyTaken(TagstreamError):
    """Another photograph stands there."""


@dataclass(frozen=True, slots=True)
class UploadFacts:
    """What is said of a photograph."""

    location: Location
    restaurant_id: str | None = None
    uploader_id: str | None = None
    event_id: str | None = None
    """The same of every try of a request."""


class Reception:
    """Owns nothing. `look` raises `Rejected` for bytes that no model could read."""

    def __init__(
        self, files: ObjectFiles, sink: EventSink[ImageUploaded], look: Callable[[bytes], Awaitable[object]]
    ) -> None:
        self._files = files
        self._sink = sink
        self._look = look

    async def put(self, facts: UploadFacts, data: bytes) -> ImageUploaded:
        """The event of a photograph that was put there; the very same one may stand there already.

        Raises:
            KeyTaken: another one does.
            Rejected: it is none, or the bucket is off the allow-list.
            Unavailable: the storage or the broker is away.
        """
        await self._look(data)
        digest = await asyncio.to_thread(lambda: hashlib.sha256(data).hexdigest())
        said = {_SHA256: digest}
        if facts.restaurant_id is not None:
            said[RESTAURANT_METADATA] = facts.restaurant_id
        is_new = await self._files.put_new(facts.location, data, metadata=said)
        standing = await self._files.facts(facts.location)
        if standing is None:
            raise Gone(f"{facts.location} was put, and is gone again")
        if not is_new and standing.metadata.get(_SHA256) != digest:
            raise KeyTaken(f"{facts.location} is another photograph: put this one under another key")
        return await self._told(facts, facts.location.model_copy(update={"etag": standing.etag}))

    async def announce(self, facts: UploadFacts) -> ImageUploaded:
        """The event of a photograph that stands there. Raises `Gone`, `NotAllowed`, `Unavailable`."""
        standing = await self._files.facts(facts.location)
        if standing is None:
            raise Gone(f"{facts.location} does not exist")
        return await self._told(facts, facts.location.model_copy(update={"etag": standing.etag}))

    async def _told(self, facts: UploadFacts, location: Location) -> ImageUploaded:
        event = ImageUploaded.model_validate(
            {
                "event_id": facts.event_id,
                "location": location,
                "restaurant_id": facts.restaurant_id,
                "uploader_id": facts.uploader_id,
                "uploaded_at": datetime.now(UTC),
            }
        )
        await self._sink.publish(event)
        return event
