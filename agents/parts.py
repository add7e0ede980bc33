"""The real parts of a worker: S3, SQLite, Kafka and the resident model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import structlog
from model.classifier import Classifier
from streams.adapters.kafka import KafkaPublisher

from agents.pipeline import Parts
from agents.settings import Settings
from agents.tagger import ResidentTagger
from model import checkpoint
from model.batching import BatchLimits
from streams.adapters.s3 import S3Credentials, S3Images, S3Settings
from streams.adapters.sqlite import SqliteScores
from streams.app import StreamApp

log = structlog.get_logger(__name__)


@asynccontextmanager
async def real_parts(settings: Settings, app: StreamApp) -> AsyncIterator[Parts]:
    """S3, SQLite, Kafka and the resident model, opened; all closed in the end."""
    async with AsyncExitStack() as stack:
        tagger = await stack.enter_async_context(await load_tagger(settings))
        mortality = asyncio.create_task(_die_with(tagger, app))
        stack.callback(mortality.cancel)
        yield Parts(
            images=await stack.enter_async_context(S3Images(s3_settings(settings))),
            scores=await stack.enter_async_context(SqliteScores(settings.store.path)),
            tags=await stack.enter_async_context(KafkaPublisher(settings.kafka.brokers)),
            tagger=tagger,
        )


async def load_tagger(settings: Settings) -> ResidentTagger:
    """The model, loaded and warm; not yet entered."""
    classifier = await asyncio.to_thread(_load_classifier, settings)
    log.info("model.warm", version=classifier.ref.version, digest=classifier.ref.digest[:12])
    batches = BatchLimits(settings.batch.max_size, settings.batch.linger, settings.batch.intake)
    return ResidentTagger(classifier, batches=batches, decode_threads=settings.decode.threads)


def s3_settings(settings: Settings) -> S3Settings:
    """The S3 adapter's settings; ours first, then the standard AWS names."""
    ours = settings.s3
    credentials = None
    if ours.access_key_id and ours.secret_access_key:
        credentials = S3Credentials(ours.access_key_id, ours.secret_access_key)
    return S3Settings(
        endpoint_url=ours.endpoint_url or settings.aws_endpoint_url,
        region=ours.region or settings.aws_region,
        credentials=credentials,
        buckets=frozenset(ours.buckets),
        concurrency=ours.concurrency,
        bytes_in_flight=ours.bytes_in_flight,
        max_object_bytes=ours.max_object_bytes,
        deadline=ours.deadline,
    )


async def _die_with(tagger: ResidentTagger, app: StreamApp) -> None:
    """A dead batcher scores nothing any more: the process must go."""
    app.fail(await tagger.died())


def _load_classifier(settings: Settings) -> Classifier:
    folder = settings.model.folder or checkpoint.PACKAGED
    classifier = Classifier.load(folder, device=settings.model.device, threads=settings.model.threads)
    classifier.warm(settings.batch.max_size)
    classifier.check_golden()
    return classifier
