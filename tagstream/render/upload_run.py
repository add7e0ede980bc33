"""`tagstream upload`, in order: what to upload, into S3 and onto the topic, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass

from agents.wiring import backends
from agents.wiring.backends import kafka_connection, open_store
from agents.wiring.settings import Settings
from operations import upload as uploading
from operations.await_tags import AwaitTags, TagsAnnounced
from operations.tail import followed
from operations.upload import NotSent, Sent, Source, Uploader
from schemas import topics
from schemas.errors import ConfigurationError
from streams.adapters.kafka.publisher import UploadPublisher
from streams.adapters.s3.images import S3Images
from tagstream.render.upload import Answers

LETTERS = (topics.DEAD_LETTERS, topics.PARKING)
"""Where photographs end that have no tags."""


@dataclass(frozen=True, slots=True)
class UploadRequest:
    """What is to be done."""

    sources: tuple[Source, ...]
    restaurant: str | None = None
    patience: float | None = None
    """Seconds to wait for the tags; None waits for none."""


def choose(given: Sequence[str], *, bucket: str | None, prefix: str, config: Settings) -> tuple[Source, ...]:
    """The photographs that are meant.

    Raises:
        ConfigurationError: there are none, or nobody says into which bucket they go, or no worker
            would read that.
    """
    allowed = config.s3.buckets
    if bucket is None and len(allowed) != 1 and not all(map(uploading.is_object, given)):
        many = f"one of {', '.join(allowed)}" if allowed else "TAGSTREAM_S3__BUCKETS names none"
        raise ConfigurationError(f"--bucket: say into which bucket; {many}")
    chosen = uploading.sources(given, bucket=bucket or "".join(allowed[:1]) or "-", prefix=prefix)
    for source in chosen:
        if source.location.bucket not in allowed:
            raise ConfigurationError(
                f"bucket {source.location.bucket!r} is not in TAGSTREAM_S3__BUCKETS: no worker would read it"
            )
    return chosen


async def run(order: UploadRequest, config: Settings, answers: Answers) -> int:
    """Upload, and wait if that was asked for; how many photographs failed."""
    async with AsyncExitStack() as stack:
        images = await stack.enter_async_context(S3Images(backends.s3_settings(config)))
        publisher = await stack.enter_async_context(UploadPublisher(backends.kafka_settings(config)))
        uploader = Uploader(
            images, publisher, restaurant=order.restaurant, max_bytes=config.s3.max_object_bytes
        )
        if order.patience is None:
            return (await _send(order, uploader, answers))[1]
        # Before anything is sent: a letter that was written earlier is about another upload.
        letters = await stack.enter_async_context(followed(kafka_connection(config), LETTERS))
        async with open_store(config.store) as store:
            sent, failed = await _send(order, uploader, answers)
            return failed + await _wait(sent, AwaitTags(store, letters), answers, seconds=order.patience)


async def _send(order: UploadRequest, uploader: Uploader, answers: Answers) -> tuple[list[Sent], int]:
    """What was sent, and how many could not be."""
    sent: list[Sent] = []
    answers.doing("Uploading", len(order.sources))
    async with aclosing(uploader.upload(order.sources)) as outcomes:
        async for outcome in outcomes:
            if isinstance(outcome, NotSent):
                answers.refused(outcome)
            else:
                answers.sent(outcome, is_last_word=order.patience is None)
                sent.append(outcome)
    return sent, len(order.sources) - len(sent)


async def _wait(sent: Sequence[Sent], vigil: AwaitTags, answers: Answers, *, seconds: float) -> int:
    """Tell the end of each; how many were not tagged."""
    by_id = {each.upload.image_id: each for each in sent}
    failed = 0
    answers.doing("Tagging", len(sent))
    async with aclosing(vigil.ends([each.upload for each in sent], seconds=seconds)) as ends:
        async for upload, end in ends:
            answers.ended(by_id[upload.image_id], end)
            failed += not isinstance(end, TagsAnnounced)
    return failed
