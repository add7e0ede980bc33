"""The score store, opened to be read: one image's head and scores."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from agents.wiring import stores
from agents.wiring.settings import StoreSettings, blame
from schemas.errors import ConfigurationError
from schemas.records import ImageHead, ScoreRecord
from streams.ports import WholeStore


def is_here(settings: StoreSettings) -> bool:
    """Whether there is a store to read: SQLite would make its file, and nobody asked for that."""
    return settings.url is not None or settings.path.exists()


def refuse_missing(settings: StoreSettings) -> None:
    """Raise `ConfigurationError` where there is no store to read, or to write to beside its workers."""
    if not is_here(settings):
        raise ConfigurationError(
            f"TAGSTREAM_STORE__PATH: {settings.path} is not there: no worker has kept anything in it yet"
        )


@asynccontextmanager
async def open_store(settings: StoreSettings) -> AsyncIterator[WholeStore]:
    """The store; raises `ConfigurationError`, which names the setting, where there is none or can be none."""
    refuse_missing(settings)
    async with AsyncExitStack() as stack:
        with blame(stores.blamed(settings)):
            store: AbstractAsyncContextManager[WholeStore] = stores.open_store(settings)
            entered = await stack.enter_async_context(store)
        yield entered


@dataclass(frozen=True, slots=True)
class StoredImage:
    """What the store has of one image."""

    head: ImageHead | None
    """None where it does not know the image."""
    history: tuple[ScoreRecord, ...]
    """Every score ever made of it."""


async def read_image(settings: StoreSettings, image_id: str) -> StoredImage:
    """The image's head and scores; neither where there is no store."""
    if not is_here(settings):
        return StoredImage(None, ())
    async with open_store(settings) as store:
        return StoredImage(await store.head(image_id), await store.records(image_id))


async def read_head(settings: StoreSettings, image_id: str) -> ImageHead | None:
    """The image's head; None where there is no store, or it does not know the image."""
    if not is_here(settings):
        return None
    async with open_store(settings) as store:
        return await store.head(image_id)
