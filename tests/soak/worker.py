"""The worker of a soak: the product's own over the real stack, but for a tagger without a network.

So the rates are those of everything around the model; `--real-model` soaks the product as it is.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

from agents.ports import Components
from agents.testing import FakeTagger
from agents.wiring import settings, worker
from agents.wiring.backends import kafka_settings, open_store, s3_settings
from agents.wiring.components import Runtime
from agents.wiring.settings import Settings
from streams.adapters.kafka.publisher import KafkaPublisher
from streams.adapters.s3.images import S3Images
from streams.ports import ScoreStore


@asynccontextmanager
async def parts(config: Settings, around: Runtime) -> AsyncIterator[Components]:
    """S3, the store and Kafka as the settings name them; waits for each that is away."""
    outages = around.outages
    async with AsyncExitStack() as stack:
        images, publisher = S3Images(s3_settings(config)), KafkaPublisher(kafka_settings(config))
        store: AbstractAsyncContextManager[ScoreStore] = open_store(config.store)
        yield Components(
            images=await stack.enter_async_context(images),
            scores=await outages.retry_until_available(lambda: stack.enter_async_context(store)),
            tags=await outages.retry_until_available(lambda: stack.enter_async_context(publisher)),
            tagger=FakeTagger(delay=0.02),
        )


if __name__ == "__main__":
    worker.run(settings.load(), parts)
