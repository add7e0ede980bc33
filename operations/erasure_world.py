"""World of an erasure: store, publisher and storage, and what the broker says of its topics; opened here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from agents.wiring.backends import kafka_connection, kafka_settings, s3_settings
from agents.wiring.settings import Settings
from agents.wiring.stores import blamed
from operations import store, topic_remains
from operations.eraser import Eraser
from operations.erasure_objects import ImageObjects
from operations.erasure_renditions import ImageRenditions
from operations.topic_remains import TopicRemains
from schemas import topics
from schemas.errors import ConfigurationError, TagstreamError
from streams.adapters.kafka.lag import LaneProgress
from streams.adapters.kafka.publisher import KafkaPublisher
from streams.adapters.s3.renditions import settings_of as renditions_settings
from streams.adapters.s3.versions import S3Versions
from streams.ports import ScoreStore


@dataclass(frozen=True, slots=True)
class ErasureStorage:
    """What of the images is in storage."""

    objects: ImageObjects
    renditions: ImageRenditions


@dataclass(frozen=True, slots=True)
class ErasureWorld:
    """All of it, open."""

    eraser: Eraser
    storage: ErasureStorage
    remains: Callable[[Collection[str]], Awaitable[tuple[TopicRemains, ...]]]
    """What topics still hold, once something was published to those."""
    waiting: Callable[[], Awaitable[int]]
    """Messages that no worker has worked on."""


def now() -> datetime:
    """When it is erased."""
    return datetime.now(UTC)


@asynccontextmanager
async def open_world(settings: Settings) -> AsyncIterator[ErasureWorld]:
    """Raises `Unavailable`, and `ConfigurationError` where there is no store."""
    async with AsyncExitStack() as stack:
        scores = await stack.enter_async_context(open_store(settings))
        tags = await stack.enter_async_context(KafkaPublisher(kafka_settings(settings)))
        storage = await stack.enter_async_context(open_storage(settings))

        async def remains(published: Collection[str]) -> tuple[TopicRemains, ...]:
            return await topic_remains.find(kafka_connection(settings), published, at=now())

        eraser = Eraser(scores, tags, now=now, clock=settings.clock)
        yield ErasureWorld(eraser, storage, remains, partial(waiting, settings))


async def waiting(settings: Settings) -> int:
    """Uploads that are not in the store yet, at most."""
    found = 0
    for topic in (topics.UPLOADED, topics.RETRY):
        async with LaneProgress(kafka_connection(settings), topic, settings.kafka.group) as lane:
            found += await lane.left()
    return found


@asynccontextmanager
async def open_store(settings: Settings) -> AsyncIterator[ScoreStore]:
    """The store, where there is one."""
    if not store.is_here(settings.store):
        raise ConfigurationError(f"{blamed(settings.store)}: there is no store at {settings.store.path}")
    async with store.open_store(settings.store) as scores:
        yield scores


@asynccontextmanager
async def open_storage(settings: Settings) -> AsyncIterator[ErasureStorage]:
    """Storage, or why it cannot be asked: that holds up no erasure of what is not to be deleted there."""
    ours, place = s3_settings(settings), settings.renditions.place
    async with AsyncExitStack() as stack:
        objects, why = await _opened(S3Versions(ours), stack)
        if place is None:
            yield ErasureStorage(ImageObjects(objects, why), ImageRenditions(None))
            return
        small, why_small = await _opened(S3Versions(renditions_settings(place, ours)), stack)
        yield ErasureStorage(ImageObjects(objects, why), ImageRenditions(place, small, why_small))


async def _opened(versions: S3Versions, stack: AsyncExitStack) -> tuple[S3Versions | None, str]:
    try:
        return await stack.enter_async_context(versions), ""
    except TagstreamError as error:
        return None, str(error)
