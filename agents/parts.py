"""The real parts of a worker: S3, SQLite, Kafka and the resident model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any, TypeVar

import structlog

from agents.pipeline import Parts
from agents.settings import Settings, blame
from agents.tagger import ResidentTagger
from model import checkpoint
from model.batching import BatchLimits
from model.classifier import Classifier
from streams.adapters.kafka import KafkaPublisher
from streams.adapters.kafka_outbox import KafkaSettings
from streams.adapters.s3 import S3Credentials, S3Images, S3Settings
from streams.adapters.sqlite import SqliteScores
from streams.app import StreamApp
from streams.retry import Outages

log = structlog.get_logger(__name__)

T = TypeVar("T")


@asynccontextmanager
async def real_parts(settings: Settings, app: StreamApp, outages: Outages) -> AsyncIterator[Parts]:
    """S3, SQLite, Kafka and the resident model, opened; all closed in the end."""
    async with AsyncExitStack() as stack:
        tagger = await stack.enter_async_context(await load_tagger(settings))
        mortality = asyncio.create_task(_die_with(tagger, app))
        stack.callback(mortality.cancel)

        async def opened(part: AbstractAsyncContextManager[T], setting: str) -> T:
            with blame(setting):
                return await outages.outlast(lambda: stack.enter_async_context(part))

        yield Parts(
            images=await opened(S3Images(s3_settings(settings)), "TAGSTREAM_S3__ENDPOINT_URL"),
            scores=await opened(SqliteScores(settings.store.path), "TAGSTREAM_STORE__PATH"),
            tags=await opened(KafkaPublisher(kafka_settings(settings)), "TAGSTREAM_KAFKA__BROKERS"),
            tagger=tagger,
        )


async def load_tagger(settings: Settings) -> ResidentTagger:
    """The model, loaded and warm; not yet entered."""
    with blame("TAGSTREAM_BATCH__INTAKE"):
        batches = BatchLimits(settings.batch.max_size, settings.batch.linger, settings.batch.intake)
    classifier = await asyncio.to_thread(_load_classifier, settings)
    log.info("model.warm", version=classifier.ref.version, digest=classifier.ref.digest[:12])
    return ResidentTagger(classifier, batches=batches, decode_threads=settings.decode.threads)


def kafka_settings(settings: Settings) -> KafkaSettings:
    """The publisher's settings."""
    return KafkaSettings(bootstrap=settings.kafka.brokers)


def s3_settings(settings: Settings) -> S3Settings:
    """The S3 adapter's settings; ours first, then the standard AWS names."""
    ours = settings.s3
    where: dict[str, Any] = {
        "endpoint_url": ours.endpoint_url or settings.aws_endpoint_url,
        "region": ours.region or settings.aws_region,
    }
    if ours.access_key_id and ours.secret_access_key:
        key = ours.access_key_id.get_secret_value()
        where["credentials"] = S3Credentials(access_key_id=key, secret_access_key=ours.secret_access_key)
    return S3Settings(
        **{name: value for name, value in where.items() if value is not None},
        allowed_buckets=frozenset(ours.buckets),
        fetch_concurrency=ours.concurrency,
        bytes_in_flight=ours.bytes_in_flight,
        max_object_bytes=ours.max_object_bytes,
        deadline_seconds=ours.deadline,
    )


async def _die_with(tagger: ResidentTagger, app: StreamApp) -> None:
    """A dead batcher scores nothing any more: the process must go."""
    app.fail(await tagger.died())


def _load_classifier(settings: Settings) -> Classifier:
    folder = settings.model.folder or checkpoint.PACKAGED
    with blame("TAGSTREAM_MODEL__FOLDER"):
        classifier = Classifier.load(folder, device=settings.model.device, threads=settings.model.threads)
    classifier.warm(settings.batch.max_size)
    classifier.check_golden()
    return classifier
