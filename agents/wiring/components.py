"""Components of a real worker: S3, the score store, Kafka and the resident model, opened and closed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any, TypeVar

import structlog

from agents.model_slot import ModelSlot
from agents.opened_components import Components
from agents.renditions import Renditions
from agents.shared_decoding import SharedDecoding
from agents.telemetry.metrics import Metrics
from agents.wiring.backends import kafka_settings, s3_settings
from agents.wiring.model_source import resolve_model
from agents.wiring.residence import Residence
from agents.wiring.settings import Settings, blame
from agents.wiring.stores import blamed, open_store
from agents.wiring.tagging import load_tagger
from agents.wiring.worker import Runtime
from model.decoding.decoder import DecoderExit
from model.decoding.options import REAL
from model.decoding.pool import DecoderPool
from model.preprocess import Preprocess
from streams.adapters.kafka.publisher import KafkaPublisher
from streams.adapters.s3.images import S3Images
from streams.adapters.s3.renditions import S3Renditions
from streams.app import StreamApp
from streams.ports import WholeStore

log = structlog.get_logger(__name__)

T = TypeVar("T")


@asynccontextmanager
async def open_components(settings: Settings, runtime: Runtime) -> AsyncIterator[Components]:
    """S3, the score store, Kafka and the resident model, opened; all closed in the end."""
    async with AsyncExitStack() as stack:
        decoding = SharedDecoding(partial(decoders, settings, runtime.metrics))
        version = await runtime.dependencies.retry_until_available(partial(resolve_model, settings))
        loaded = await load_tagger(settings, runtime.tracer, version=version, decoding=decoding)
        tagger = await stack.enter_async_context(ModelSlot(loaded))
        runtime.metrics.versions.remembered(is_remembered=version.is_remembered)
        mortality = asyncio.create_task(_die_with(tagger, runtime.app))
        stack.callback(mortality.cancel)

        async def opened(part: AbstractAsyncContextManager[T], setting: str) -> T:
            with blame(setting):
                return await runtime.dependencies.retry_until_available(
                    lambda: stack.enter_async_context(part)
                )

        images = S3Images(s3_settings(settings))
        residence = Residence(settings, runtime, tagger, decoding, version)
        _observe(settings, runtime, residence, images)
        store: AbstractAsyncContextManager[WholeStore] = open_store(settings.store)
        opening = (
            asyncio.create_task(opened(images, "TAGSTREAM_S3__ENDPOINT_URL")),
            asyncio.create_task(opened(store, blamed(settings.store))),
            asyncio.create_task(opened(KafkaPublisher(kafka_settings(settings)), "TAGSTREAM_KAFKA__BROKERS")),
        )
        async with _ending(*opening):
            # Together: what one is away for must not keep what is wrong with another from being said.
            storage, scores, tags = await asyncio.gather(*opening)
        await tagger.warm()
        tended = await residence.tend(scores, stack)
        kept = await _open_renditions(settings, runtime, scores, stack)
        yield Components(
            images=storage,
            scores=scores,
            tags=tags,
            tagger=tagger,
            versions=tended.versions,
            renditions=kept,
            rollouts=tended.rollouts,
        )


async def _open_renditions(
    settings: Settings, runtime: Runtime, scores: WholeStore, stack: AsyncExitStack
) -> Renditions | None:
    """Where renditions are kept, until `stack` closes; None where none are."""
    place, recipe = settings.renditions.place, settings.renditions.recipe
    if place is None or recipe is None:
        return None
    with blame("TAGSTREAM_S3__ENDPOINT_URL"):
        opening = partial(stack.enter_async_context, S3Renditions(place, s3_settings(settings)))
        store = await runtime.dependencies.retry_until_available(opening)
    return await stack.enter_async_context(Renditions(store, recipe, scores, runtime.metrics.renditions))


@asynccontextmanager
async def _ending(*tasks: asyncio.Task[Any]) -> AsyncIterator[None]:
    """Whatever the block did, none of the tasks runs on."""
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _observe(settings: Settings, runtime: Runtime, residence: Residence, images: S3Images) -> None:
    runtime.observed.model(lambda: True)  # it is opened warm
    runtime.observed.batcher(residence.slot.statistics, intake=settings.batch.intake)
    runtime.observed.budget(images.budget)
    residence.show()


async def _die_with(tagger: ModelSlot, app: StreamApp) -> None:
    """A dead batcher scores nothing any more: the process must go."""
    app.fail(await tagger.died())


def decoders(
    settings: Settings, metrics: Metrics, preprocess: Preprocess, *, decode: str = REAL
) -> DecoderPool:
    """The pool, not yet entered; `decode` names what is called in its processes."""

    def count(death: DecoderExit) -> None:
        metrics.decoder_deaths.labels(death.cause).inc()

    recipe = settings.renditions.recipe
    return DecoderPool(preprocess, settings.decode, on_death=count, decode=decode, rendition=recipe)
