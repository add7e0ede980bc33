"""A worker whose forward sleeps: everything but pixels and network is the product's, batches too.

Its CPU time is what the rest costs. A batch takes `BENCH_FORWARD_MS`, each image in it `BENCH_ITEM_MS` more.
"""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

from agents.opened_components import Components
from agents.ports import Forwarded
from agents.testing import FakeTagger
from agents.wiring import settings, worker
from agents.wiring.backends import kafka_settings, s3_settings
from agents.wiring.settings import Settings
from agents.wiring.stores import open_store
from agents.wiring.worker import Runtime
from model.serving.batcher import BatchLimits, DeviceChecks, MicroBatcher
from schemas.tags import Scores
from streams.adapters.kafka.publisher import KafkaPublisher
from streams.adapters.s3.images import S3Images
from streams.ports import WholeStore


class SleepingTagger(FakeTagger):
    """Scores by the digest of the bytes, behind the real batcher."""

    def __init__(self) -> None:
        super().__init__()
        self._batch = float(os.environ.get("BENCH_FORWARD_MS", "5")) / 1000
        self._item = float(os.environ.get("BENCH_ITEM_MS", "0.5")) / 1000
        checks = DeviceChecks(probe=lambda: None, is_out_of_memory=lambda _: False)
        self.batcher: MicroBatcher[bytes, bytes] = MicroBatcher(self._forward, BatchLimits(), device=checks)

    async def score(self, pixels: bytes) -> Forwarded:
        """See `FakeTagger.score`."""
        scored = await self.batcher.score(pixels)
        scores: Scores = (await super().score(scored.result)).scores
        return Forwarded(scores, scored.queued, scored.forward, scored.batch_size)

    def _forward(self, items: Sequence[bytes]) -> Sequence[bytes]:
        time.sleep(self._batch + self._item * len(items))
        return items


@asynccontextmanager
async def components(config: Settings, runtime: Runtime) -> AsyncIterator[Components]:
    """The product's, but for the tagger."""
    available = runtime.dependencies.retry_until_available
    async with AsyncExitStack() as stack:
        tagger = SleepingTagger()
        await stack.enter_async_context(tagger.batcher)
        images, publisher = S3Images(s3_settings(config)), KafkaPublisher(kafka_settings(config))
        store: AbstractAsyncContextManager[WholeStore] = open_store(config.store)
        yield Components(
            images=await stack.enter_async_context(images),
            scores=await available(lambda: stack.enter_async_context(store)),
            tags=await available(lambda: stack.enter_async_context(publisher)),
            tagger=tagger,
        )


if __name__ == "__main__":
    worker.run(settings.load(), components)
