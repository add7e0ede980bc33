"""Components of a real worker: S3, the score store, Kafka and the resident model, opened and closed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any, TypeVar

import structlog

from agents.opened_components import Components
from agents.wiring.backends import kafka_settings, s3_settings
from agents.wiring.rendition_store import open_renditions
from agents.wiring.resident_model import open_resident
from agents.wiring.settings import Settings
from agents.wiring.stores import blamed, open_store
from agents.wiring.worker import Runtime
from streams.adapters.kafka.publisher import KafkaPublisher
from streams.adapters.s3.images import S3Images
from streams.ports import WholeStore

log = structlog.get_logger(__name__)

T = TypeVar("T")


@asynccontextmanager
async def open_components(settings: Settings, runtime: Runtime) -> AsyncIterator[Components]:
    """S3, the score store, Kafka and the resident model, opened; all closed in the end."""
    async with AsyncExitStack() as stack:
        residence = await open_resident(settings, runtime, stack)
        tagger = residence.slot

        images = S3Images(s3_settings(settings))
        runtime.observed.budget(images.budget)
        store: AbstractAsyncContextManager[WholeStore] = open_store(settings.store)
        opening = (
            asyncio.create_task(runtime.opened(images, "TAGSTREAM_S3__ENDPOINT_URL", stack)),
            asyncio.create_task(runtime.opened(store, blamed(settings.store), stack)),
            asyncio.create_task(
                runtime.opened(KafkaPublisher(kafka_settings(settings)), "TAGSTREAM_KAFKA__BROKERS", stack)
            ),
        )
        async with _ending(*opening):
            # Together: what one is away for must not keep what is wrong with another from being said.
            storage, scores, tags = await asyncio.gather(*opening)
        await tagger.warm()
        tended = await residence.tend(scores, stack)
        kept = await open_renditions(settings, runtime, scores, stack)
        yield Components(
            images=storage,
            scores=scores,
            tags=tags,
            tagger=tagger,
            versions=tended.versions,
            renditions=kept,
            rollouts=tended.rollouts,
        )


@asynccontextmanager
async def _ending(*tasks: asyncio.Task[Any]) -> AsyncIterator[None]:
    """Whatever the block did, none of the tasks runs on."""
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
