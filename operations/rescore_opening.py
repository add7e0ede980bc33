"""Opening of what a job is run over: its source, the lane, and the store, each outlasted while it is away."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from agents.wiring.backends import kafka_connection, kafka_settings, s3_settings
from agents.wiring.settings import Settings
from operations import store
from operations.rescore_ids import IdsSource
from operations.rescore_lease import Outlast
from operations.rescore_sources import ImageSource, PrefixSource, StoreSource
from operations.rescore_uploads import UploadsSource
from schemas import topics
from schemas.errors import ConfigurationError
from schemas.rescore_jobs import FromIds, FromPrefix, FromStore, FromUploads, RescoreJob, RescoreSource
from streams.adapters.kafka.lag import LaneProgress
from streams.adapters.kafka.publisher import RescorePublisher
from streams.adapters.kafka.reader import TopicReader
from streams.ports import WholeStore
from streams.resilience.retry import Backoff, Dependencies, Hooks


class RescoreWatch(Protocol):
    """Told how a job begins and goes on."""

    def reading(self, done: int, total: int) -> None:
        """So many messages of the uploads topic are read."""

    def moved(self, job: RescoreJob) -> None:
        """The job has changed."""

    def away(self, dependency: str) -> None:
        """It is waited for."""

    def back(self, dependency: str) -> None:
        """It answers again."""


@dataclass(frozen=True, slots=True)
class RescoreWorld:
    """What jobs are run over."""

    settings: Settings
    scores: WholeStore
    scratch: Path
    watch: RescoreWatch
    outlast: Outlast


@asynccontextmanager
async def opened(settings: Settings, watch: RescoreWatch) -> AsyncIterator[RescoreWorld]:
    """The world of jobs; raises `ConfigurationError` where there is no store."""
    hooks = Hooks(on_trip=watch.away, on_reset=watch.back)
    outlast = Dependencies(Backoff(), hooks=hooks).retry_until_available
    async with AsyncExitStack() as stack:
        scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="tagstream-replay-"))
        scores = await stack.enter_async_context(store.open_store(settings.store))
        yield RescoreWorld(settings, scores, Path(scratch), watch, outlast)


@asynccontextmanager
async def opened_source(world: RescoreWorld, asked: RescoreSource) -> AsyncIterator[ImageSource]:
    """The images that are asked for; raises `ConfigurationError` where they cannot be had any more."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=world.scratch)))
        match asked:
            case FromUploads():
                yield await _uploads(world, asked, folder / "latest.sqlite", stack)
            case FromStore():
                yield StoreSource(world.scores)
            case FromIds():
                buckets = tuple(world.settings.s3.buckets)
                ids = IdsSource(
                    Path(asked.path), digest=asked.digest, buckets=buckets, scratch=folder / "ids.sqlite"
                )
                stack.callback(ids.close)
                await ids.read()
                yield ids
            case FromPrefix():
                from streams.adapters.s3.keys import S3Keys  # noqa: PLC0415 - its client, which takes its time

                where = s3_settings(world.settings)
                keys = await world.outlast(lambda: stack.enter_async_context(S3Keys(where)))
                yield PrefixSource(keys, bucket=asked.bucket, prefix=asked.prefix)


async def _uploads(
    world: RescoreWorld, asked: FromUploads, scratch: Path, stack: AsyncExitStack
) -> UploadsSource:
    settings = world.settings
    brokers = kafka_connection(settings)
    topic = await world.outlast(lambda: stack.enter_async_context(TopicReader(brokers, topics.UPLOADED)))
    source = UploadsSource(topic, asked, scratch, naming=settings.naming, clock=settings.clock)
    stack.enter_context(source)
    await world.outlast(lambda: source.gather(world.watch.reading))
    return source


@dataclass(frozen=True, slots=True)
class OpenedLane:
    """Where requests go, and how far the workers are with them."""

    publisher: RescorePublisher
    progress: LaneProgress


@asynccontextmanager
async def opened_lane(world: RescoreWorld) -> AsyncIterator[OpenedLane]:
    """The rescore topic; raises `ConfigurationError` where it is not there."""
    settings = world.settings
    brokers, producer = kafka_connection(settings), kafka_settings(settings)
    async with AsyncExitStack() as stack:
        publisher = await world.outlast(lambda: stack.enter_async_context(RescorePublisher(producer)))
        progress = await world.outlast(
            lambda: stack.enter_async_context(LaneProgress(brokers, topics.RESCORE, settings.kafka.group))
        )
        if not await world.outlast(progress.ends):
            raise ConfigurationError(f"the broker has no topic {topics.RESCORE!r}: `tagstream topics apply`")
        yield OpenedLane(publisher, progress)
