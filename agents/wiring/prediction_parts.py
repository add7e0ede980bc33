"""Wiring of what answers predictions: the resident model, registry, storage and store, without a stream."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from agents.model_slot import ModelSlot
from agents.model_targets import ModelTargets
from agents.telemetry.metrics import Metrics
from agents.telemetry.observation import observing
from agents.telemetry.tracing import open_tracer
from agents.wiring import registry as ours
from agents.wiring.backends import s3_settings
from agents.wiring.model_following import followed_alias
from agents.wiring.residence import Followed
from agents.wiring.resident_model import open_resident
from agents.wiring.runtime import ProcessRuntime
from agents.wiring.settings import Settings, blame
from agents.wiring.stores import blamed, open_store
from model.registry.refs import AliasRef, VersionRef
from streams.adapters.memory import MemoryImages
from streams.adapters.s3.images import S3Images
from streams.ports import ImageStore, WholeStore
from streams.resilience.retry import Dependencies

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PredictionParts:
    """What a server has, open."""

    slot: ModelSlot
    targets: ModelTargets
    images: ImageStore
    store: WholeStore
    alias: str | None
    """The one that the slot follows."""
    resolve: Callable[[AliasRef | VersionRef], Awaitable[str]] | None
    """Asks the registry for a version; None where there is none."""


@asynccontextmanager
async def process_runtime(
    settings: Settings, fail: Callable[[BaseException], None]
) -> AsyncIterator[ProcessRuntime]:
    """Metrics, probes and traces of a process without a stream. Raises `ConfigurationError`."""
    async with AsyncExitStack() as stack:
        metrics = Metrics()
        dependencies = Dependencies(settings.retry, settings.breaker)
        observed = await stack.enter_async_context(observing(settings.metrics, metrics, on_failure=fail))
        endpoint = settings.tracing.endpoint or settings.otel_endpoint
        tracer = await stack.enter_async_context(open_tracer(endpoint, settings.tracing))
        observed.dependencies(lambda: {name: state.is_away for name, state in dependencies.states().items()})
        yield ProcessRuntime(fail, dependencies, metrics, observed, tracer)


@asynccontextmanager
async def open_prediction_parts(
    settings: Settings, runtime: ProcessRuntime
) -> AsyncIterator[PredictionParts]:
    """All of it, waited for where it is away; closed in the end."""
    async with AsyncExitStack() as stack:
        residence = await open_resident(settings, runtime, stack)

        async def opened(part: AbstractAsyncContextManager[T], setting: str) -> T:
            with blame(setting):
                return await runtime.dependencies.retry_until_available(
                    lambda: stack.enter_async_context(part)
                )

        images: ImageStore = MemoryImages(
            settings.s3
        )  # nothing may be read: no storage is needed, nor a login
        if settings.s3.buckets:
            storage = await opened(S3Images(s3_settings(settings)), "TAGSTREAM_S3__ENDPOINT_URL")
            runtime.observed.budget(storage.budget)
            images = storage
        kept: AbstractAsyncContextManager[WholeStore] = open_store(settings.store)
        store = await opened(kept, blamed(settings.store))
        await residence.slot.warm()
        targets = await residence.follow(stack, Followed())
        alias = followed_alias(settings)
        yield PredictionParts(
            residence.slot,
            targets,
            images,
            store,
            alias=str(alias) if alias else None,
            resolve=partial(_version, settings) if settings.registry.url else None,
        )


async def _version(settings: Settings, ref: AliasRef | VersionRef) -> str:
    ours.reach(settings)
    async with ours.open_registry(settings) as registry:
        return (await registry.resolve(ref)).version
