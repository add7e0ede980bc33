"""Uploads photographs and, if asked to, waits for their tags."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol

from pydantic import ValidationError

from agents.wiring import backends
from agents.wiring.backends import kafka_connection
from agents.wiring.settings import Settings
from agents.wiring.stores import open_store
from operations.await_tags import AwaitTags, End, TagsAnnounced
from operations.backlog import PacedPublisher, metered
from operations.deferral import Deferral
from operations.tail import followed
from operations.upload_sources import Source
from operations.uploader import EventPublisher, NotSent, Sent, Uploader
from schemas import topics
from schemas.errors import ConfigurationError
from schemas.uploads import ImageUploaded
from schemas.validation import first_fault
from streams.adapters.kafka.publisher import UploadPublisher
from streams.adapters.s3.images import S3Images

LETTERS: Final = (topics.RETRY, topics.DEAD_LETTERS, topics.PARKING)
"""Where photographs are that have no tags: not yet, or never."""


class UploadProgress(Protocol):
    """Told what becomes of the photographs."""

    def doing(self, what: str, total: int) -> None:
        """What goes on, and of how many."""

    def waiting(self, why: str) -> None:
        """The workers have to catch up before more can be sent."""

    def refused(self, answer: NotSent) -> None:
        """A photograph that cannot be uploaded."""

    def sent(self, answer: Sent, *, is_last_word: bool) -> None:
        """One that was; the last word on it unless its tags are waited for."""

    def deferred(self, upload: ImageUploaded, deferral: Deferral) -> None:
        """A photograph that is tried again later."""

    def ended(self, answer: Sent, end: End) -> None:
        """What became of it."""


@dataclass(frozen=True, slots=True)
class UploadRequest:
    """Which photographs, whose they are, and how long to wait."""

    sources: tuple[Source, ...]
    restaurant: str | None = None
    timeout: float | None = None
    """Seconds to wait for the tags; None waits for none."""
    paced: bool = False
    """Wait for the workers where the embedded broker would drop what they have not read."""

    def __post_init__(self) -> None:
        """Raise `ConfigurationError`, before anything is put, for a restaurant that no event can name."""
        facts = {"restaurant_id": self.restaurant, "uploaded_at": datetime.now(UTC)}
        for source in self.sources[:1]:
            try:
                ImageUploaded.model_validate(facts | {"location": source.location})
            except ValidationError as error:
                raise ConfigurationError(f"--restaurant {self.restaurant!r}: {first_fault(error)}") from error


async def upload(request: UploadRequest, config: Settings, progress: UploadProgress) -> int:
    """Upload, and wait if that was asked for; how many photographs failed."""
    async with AsyncExitStack() as stack:
        images = await stack.enter_async_context(S3Images(backends.s3_settings(config)))
        sending = UploadPublisher(backends.kafka_settings(config))
        publisher: EventPublisher = await stack.enter_async_context(sending)
        if request.paced:
            backlog = await stack.enter_async_context(metered(kafka_connection(config), config.kafka.group))
            publisher = PacedPublisher(publisher, backlog, progress.waiting)
        uploader = Uploader(
            images, publisher, restaurant=request.restaurant, max_bytes=config.s3.max_object_bytes
        )
        if request.timeout is None:
            return (await _send(request, uploader, progress))[1]
        # Before anything is sent: a letter that was written earlier is about another upload.
        letters = await stack.enter_async_context(followed(kafka_connection(config), LETTERS))
        async with open_store(config.store) as store:
            sent, failed = await _send(request, uploader, progress)
            waiting = AwaitTags(store, letters, progress.deferred)
            return failed + await _wait(sent, waiting, progress, seconds=request.timeout)


async def _send(
    request: UploadRequest, uploader: Uploader, progress: UploadProgress
) -> tuple[list[Sent], int]:
    """What was sent, and how many could not be."""
    sent: list[Sent] = []
    progress.doing("Uploading", len(request.sources))
    async with aclosing(uploader.upload(request.sources)) as outcomes:
        async for outcome in outcomes:
            if isinstance(outcome, NotSent):
                progress.refused(outcome)
            else:
                progress.sent(outcome, is_last_word=request.timeout is None)
                sent.append(outcome)
    return sent, len(request.sources) - len(sent)


async def _wait(sent: Sequence[Sent], waiting: AwaitTags, progress: UploadProgress, *, seconds: float) -> int:
    """Tell the end of each; how many were not tagged."""
    by_id = {each.upload.image_id: each for each in sent}
    failed = 0
    progress.doing("Tagging", len(sent))
    async with aclosing(waiting.ends([each.upload for each in sent], seconds=seconds)) as ends:
        async for upload, end in ends:
            progress.ended(by_id[upload.image_id], end)
            failed += not isinstance(end, TagsAnnounced)
    return failed
