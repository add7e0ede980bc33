"""A worker process without photographs: everything but fetching, decoding and the forward is the product's.

Its objects are their own names, and its tagger is the one that ships for tests. `benchmarks.events` starts
it, over the tree that it is to measure; `EVENTS_PROFILE` names a file for a profile by function.
"""

from __future__ import annotations

import cProfile
import os
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

from agents.opened_components import Components
from agents.testing import FakeTagger
from agents.wiring import settings, worker
from agents.wiring.backends import kafka_settings
from agents.wiring.settings import Settings
from agents.wiring.stores import open_store
from agents.wiring.worker import Runtime
from schemas.uploads import Location
from streams.adapters.kafka.publisher import KafkaPublisher
from streams.ports import Fetched, WholeStore


class NamesAsImages:
    """A storage in which every object stands and holds its own key."""

    async def fetch(self, location: Location) -> Fetched:
        """The key, as bytes."""
        return Fetched(location.key.encode(), etag=location.key)

    async def exists(self, location: Location) -> bool:
        """Always."""
        del location
        return True

    async def link(self, location: Location, *, seconds: float) -> str:
        """Nobody looks at it."""
        del seconds
        return location.key

    async def ping(self) -> None:
        """There is nobody to ask."""


@asynccontextmanager
async def stubbed(config: Settings, runtime: Runtime) -> AsyncIterator[Components]:
    """The components of a worker whose photographs cost nothing."""
    async with AsyncExitStack() as stack:
        publisher = KafkaPublisher(kafka_settings(config))
        store: AbstractAsyncContextManager[WholeStore] = open_store(config.store)
        parts = Components(
            images=NamesAsImages(),
            scores=await runtime.dependencies.retry_until_available(lambda: stack.enter_async_context(store)),
            tags=await runtime.dependencies.retry_until_available(
                lambda: stack.enter_async_context(publisher)
            ),
            tagger=FakeTagger(),
        )
        profile = cProfile.Profile() if "EVENTS_PROFILE" in os.environ else None
        if profile:
            profile.enable()
        yield parts
        if profile:
            profile.disable()
            profile.dump_stats(os.environ["EVENTS_PROFILE"])


if __name__ == "__main__":
    worker.run(settings.load(), stubbed)
