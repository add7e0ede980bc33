"""The worker of a soak: the product's own over the real stack, but for a tagger without a network.

So the rates are those of everything runtime the model; `--real-model` soaks the product as it is.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

from agents.opened_components import Components
from agents.testing import FakeTagger
from agents.wiring import settings, worker
from agents.wiring.backends import kafka_settings, s3_settings
from agents.wiring.settings import Settings
from agents.wiring.stores import open_store
from agents.wiring.worker import Runtime
from streams.adapters.kafka.publisher import KafkaPublisher
from streams.adapters.s3.images import S3Images
from streams.ports import WholeStore


@asynccontextmanager
async def parts(config: Settings, runtime: Runtime) -> AsyncIterator[Components]:
    """S3, the store and Kafka as the settings name them; waits for each that is away."""
    dependencies = runtime.dependencies
    async with AsyncExitStack() as stack:
        images, publisher = S3Images(s3_settings(config)), KafkaPublisher(kafka_settings(config))
        store: AbstractAsyncContextManager[WholeStore] = open_store(config.store)
        yield Components(
            images=await stack.enter_async_context(images),
            scores=await dependencies.retry_until_available(lambda: stack.enter_async_context(store)),
            tags=await dependencies.retry_until_available(lambda: stack.enter_async_context(publisher)),
            tagger=FakeTagger(delay=0.02),
        )


if __name__ == "__main__":
    worker.run(settings.load(), parts)
