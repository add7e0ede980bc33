"""Embedded services of the demo: a broker, a local S3 endpoint and a temporary folder."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from schemas.uploads import ImageUploaded
from streams.adapters.kafka.publisher import ProducerSettings, UploadPublisher
from streams.adapters.s3.images import S3Images
from streams.adapters.sqlite.store import SqliteScores
from tagstream.demo.photos import BUCKET, Photo
from tagstream.embedded_stack import EmbeddedStack, open_stack

UPLOADS_AT_ONCE: Final = 4


@dataclass(frozen=True)
class EmbeddedServices:
    """Everything that a worker needs around it, running; all of it on loopback."""

    folder: Path
    stack: EmbeddedStack
    images: S3Images
    scores: SqliteScores
    """The workers' store, open for looking into it."""

    @property
    def settings(self) -> dict[str, object]:
        """The settings of a worker that lives here."""
        return self.stack.settings | {
            "KAFKA__GROUP": "tagstream-demo",
            "RETRY__LONGEST": 1,
            "LOG__LEVEL": "debug",
        }

    async def upload(self, photos: Sequence[Photo]) -> tuple[tuple[ImageUploaded, ...], tuple[str, ...]]:
        """Put the photographs into S3; their events, in order, and complaints about unreadable files."""
        slots = asyncio.Semaphore(UPLOADS_AT_ONCE)
        complaints: list[str] = []

        async def upload(photo: Photo) -> ImageUploaded:
            async with slots:
                try:
                    data = await asyncio.to_thread(photo.path.read_bytes) if photo.path else None
                except OSError as error:
                    complaints.append(
                        f"{photo.name} cannot be read ({error.strerror}); only its event goes out"
                    )
                    data = None
                location = photo.location if data is None else await self.images.put(photo.location, data)
            facts = {"location": location, "restaurant_id": photo.restaurant_id}
            return ImageUploaded.model_validate({**facts, "uploaded_at": datetime.now(UTC)})

        uploads = await asyncio.gather(*map(upload, photos))
        return tuple(uploads), tuple(complaints)

    async def publish(self, uploads: Sequence[ImageUploaded]) -> None:
        """Publish the events, in order."""
        async with UploadPublisher(ProducerSettings(bootstrap=self.stack.broker)) as publisher:
            await publisher.publish(*uploads)


@asynccontextmanager
async def open_embedded_services() -> AsyncIterator[EmbeddedServices]:
    """A house with its topics and its bucket, for as long as the `async with` block runs."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tagstream-demo-")))
        embedded = await stack.enter_async_context(open_stack(BUCKET, folder / "scores.sqlite"))
        images = await stack.enter_async_context(S3Images(embedded.storage))
        scores = await stack.enter_async_context(SqliteScores(embedded.store))
        yield EmbeddedServices(folder, embedded, images, scores)
