"""Wiring of what answers predictions: the resident model, registry, storage and store, without a stream."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from agents.model_slot import ModelSlot
from agents.model_targets import ModelTargets
from agents.renditions import Renditions
from agents.tagger import ImageDecoder
from agents.wiring import registry as ours
from agents.wiring.backends import s3_settings
from agents.wiring.model_following import followed_alias
from agents.wiring.rendition_store import open_renditions
from agents.wiring.residence import Followed
from agents.wiring.resident_model import open_resident
from agents.wiring.runtime import ProcessRuntime
from agents.wiring.settings import Settings
from agents.wiring.stores import blamed, open_store
from model.registry.refs import AliasRef, VersionRef
from streams.adapters.memory import MemoryImages
from streams.adapters.s3.files import S3Files
from streams.adapters.s3.images import S3Images
from streams.ports import ImageStore, ObjectFiles, WholeStore

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PredictionParts:
    """What a server has, open."""

    slot: ModelSlot
    targets: ModelTargets
    images: ImageStore
    files: ObjectFiles
    store: WholeStore
    decoder: ImageDecoder
    """The one of the start, for pictures that no version looks at."""
    renditions: Renditions | None
    alias: str | None
    """The one that the slot follows."""
    resolve: Callable[[AliasRef | VersionRef], Awaitable[str]] | None
    """Asks the registry for a version; None where there is none."""


@asynccontextmanager
async def open_prediction_parts(
    settings: Settings, runtime: ProcessRuntime
) -> AsyncIterator[PredictionParts]:
    """All of it, waited for where it is away; closed in the end."""
    async with AsyncExitStack() as stack:
        residence = await open_resident(settings, runtime, stack)

        # Where no bucket may be read no storage is needed, nor a login.
        nothing = MemoryImages(settings.s3)
        images: ImageStore = nothing
        files: ObjectFiles = nothing
        if settings.s3.buckets:
            storage = await runtime.opened(
                S3Images(s3_settings(settings)), "TAGSTREAM_S3__ENDPOINT_URL", stack
            )
            runtime.observed.budget(storage.budget)
            images = storage
            files = await runtime.opened(S3Files(s3_settings(settings)), "TAGSTREAM_S3__ENDPOINT_URL", stack)
        kept: AbstractAsyncContextManager[WholeStore] = open_store(settings.store)
        store = await runtime.opened(kept, blamed(settings.store), stack)
        await residence.slot.warm()
        targets = await residence.follow(stack, Followed())
        decoder = await stack.enter_async_context(residence.decoding(residence.slot.preprocess))
        renditions = await open_renditions(settings, runtime, store, stack)
        alias = followed_alias(settings)
        yield PredictionParts(
            residence.slot,
            targets,
            images,
            files,
            store,
            decoder,
            renditions,
            alias=str(alias) if alias else None,
            resolve=partial(_version, settings) if settings.registry.url else None,
        )


async def _version(settings: Settings, ref: AliasRef | VersionRef) -> str:
    return (await ours.resolve(settings, ref)).version
