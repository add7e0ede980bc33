"""Puts photographs into S3 and publishes an event for each."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Protocol

from operations import photographs
from operations.bounded_tasks import as_done
from operations.upload_sources import Source
from schemas.errors import Gone, Rejected
from schemas.uploads import ImageUploaded, Location

AT_ONCE: Final = 4
"""Photographs on their way, and in memory."""

RESTAURANT_METADATA: Final = "restaurant-id"
"""The object's metadata that says whose it is, for whoever hears of it from the storage itself."""


class Storage(Protocol):
    """Where photographs are put."""

    async def put(
        self, location: Location, data: bytes, *, metadata: Mapping[str, str] | None = None
    ) -> Location:
        """Make the object hold `data`; its location with its etag."""

    async def exists(self, location: Location) -> bool:
        """Whether there is an object."""


class EventPublisher(Protocol):
    """Where their events go."""

    async def publish(self, *uploads: ImageUploaded) -> None:
        """Publish all of them, in order."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A photograph whose event is published."""

    source: Source
    upload: ImageUploaded

    def document(self) -> dict[str, Any]:
        """As a line of `--json`."""
        location = self.upload.location
        return {
            "name": self.source.name,
            "image_id": self.upload.image_id,
            "location": str(location),
            "etag": location.etag,
            "event_id": self.upload.event_id,
        }


@dataclass(frozen=True, slots=True)
class NotSent:
    """A photograph that cannot be uploaded, and why."""

    source: Source
    error: Rejected

    def document(self) -> dict[str, Any]:
        """As a line of `--json`."""
        return {"name": self.source.name, "error": {"code": self.error.code, "message": str(self.error)}}


class Uploader:
    """Puts photographs into S3 and says so. The same file under the same key is the same image again."""

    def __init__(
        self, storage: Storage, publisher: EventPublisher, *, restaurant: str | None, max_bytes: int
    ) -> None:
        self._storage = storage
        self._publisher = publisher
        self._restaurant = restaurant
        self._max_bytes = max_bytes

    def upload(self, chosen: Sequence[Source]) -> AsyncGenerator[Sent | NotSent, None]:
        """What became of each of `chosen`, as each is done. Close it: it owns the tasks that it started."""
        return as_done(chosen, self._send, at_once=AT_ONCE)

    async def _send(self, source: Source) -> Sent | NotSent:
        try:
            location = await self._there(source)
        except Rejected as error:
            return NotSent(source, error)
        facts = {"location": location, "restaurant_id": self._restaurant, "uploaded_at": datetime.now(UTC)}
        upload = ImageUploaded.model_validate(facts)
        await self._publisher.publish(upload)
        return Sent(source, upload)

    async def _there(self, source: Source) -> Location:
        """Where the photograph is, put there first if it is a file; raises `Rejected`."""
        if source.path is None:
            if not await self._storage.exists(source.location):
                raise Gone(f"{source.location} does not exist")
            return source.location
        _refuse_name(source.path)
        data = await asyncio.to_thread(photographs.read, source.path, max_bytes=self._max_bytes)
        metadata = {RESTAURANT_METADATA: self._restaurant} if self._restaurant else {}
        return await self._storage.put(source.location, data, metadata=metadata)


def _refuse_name(path: Path) -> None:
    try:
        os.fsencode(path).decode()
    except UnicodeDecodeError as error:
        raise photographs.Unreadable("its name is not UTF-8, which S3's keys are; rename it") from error
