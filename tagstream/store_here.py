"""The score store as commands that only read open it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

from agents.settings import StoreSettings, blame
from agents.stores import blamed, open_store
from streams.ports import ScoreStore


def is_here(settings: StoreSettings) -> bool:
    """Whether there is a store to read: SQLite would make its file, and nobody asked for that."""
    return settings.url is not None or settings.path.exists()


@asynccontextmanager
async def opened(settings: StoreSettings) -> AsyncIterator[ScoreStore]:
    """The store; raises `ConfigurationError`, which names the setting, where there can be none."""
    async with AsyncExitStack() as stack:
        with blame(blamed(settings)):
            store: AbstractAsyncContextManager[ScoreStore] = open_store(settings)
            entered = await stack.enter_async_context(store)
        yield entered
