"""A real worker process with a tagger without a network; over a folder, or S3 where its endpoint is set.

Everything but the pixels is the product's: Faust, the window, the pipeline, the adapters. What the
tests need beyond the settings comes in `E2E_*` variables. What only some need is imported where they need it:
a worker is started some hundred times.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from agents.opened_components import Components
from agents.testing import FakeTagger
from agents.wiring import settings, worker
from agents.wiring.backends import kafka_settings, s3_settings
from agents.wiring.settings import Settings
from agents.wiring.stores import open_store
from agents.wiring.worker import Runtime
from model.preprocess import Preprocess
from schemas.errors import DeviceBroken, Unavailable
from schemas.uploads import Location
from streams.adapters.kafka.publisher import KafkaPublisher
from streams.adapters.limits import Limits
from streams.ports import Fetched, ImageStore, WholeStore
from tests.folder_images import FolderImages

if TYPE_CHECKING:
    from model.decoding.pool import DecoderPool
    from model.serving.batcher import MicroBatcher

BUCKET = "photos"


class DelayedImages(FolderImages):
    """A folder in which one object takes its time, and `flaky/` is refused until a file says so."""

    async def fetch(self, location: Location) -> Fetched:
        if location.key == os.environ.get("E2E_SLOW_KEY"):
            await asyncio.sleep(float(os.environ["E2E_SLOW_SECONDS"]))
        if location.key.startswith("flaky/") and not Path(os.environ["E2E_IMAGES"], "mended").exists():
            raise Unavailable("s3", f"{location} cannot be read just now")
        return await super().fetch(location)


class BrokenDevice:
    """A forward that fails for every image, and a golden image that fails like all others."""

    def forward(self, items: Sequence[bytes]) -> Sequence[bytes]:
        raise RuntimeError(f"CUDA error: unspecified launch failure ({len(items)} images)")

    def probe(self) -> None:
        raise DeviceBroken

    @staticmethod
    def is_out_of_memory(_error: BaseException) -> bool:
        return False


class BrokenTagger(FakeTagger):
    """The fake tagger behind a real batcher over a broken device."""

    def __init__(self, batcher: MicroBatcher[bytes, bytes]) -> None:
        super().__init__()
        self._batcher = batcher

    async def score(self, pixels: bytes):  # type: ignore[no-untyped-def]  # noqa: ANN201 - it never returns
        await self._batcher.score(pixels)


class DecodingTagger(FakeTagger):
    """The fake tagger behind real decoders, each a process of its own."""

    def __init__(self, decoders: DecoderPool) -> None:
        super().__init__()
        self._decoders = decoders

    async def decode(self, data: bytes) -> bytes:
        await self._decoders.decode(data)
        return data


@asynccontextmanager
async def tagger_under_test(config: Settings, runtime: Runtime) -> AsyncIterator[FakeTagger]:
    if "E2E_DECODE" in os.environ:
        from agents.wiring.resident_model import decoders  # noqa: PLC0415

        pool = decoders(config, runtime.metrics, Preprocess(size=32), decode=os.environ["E2E_DECODE"])
        async with pool:
            await pool.warm()
            yield DecodingTagger(pool)
        return
    if "E2E_BROKEN_DEVICE" not in os.environ:
        version = os.environ.get("E2E_VERSION", "1")
        yield FakeTagger(delay=float(os.environ.get("E2E_DELAY", "0")), version=version)
        return
    from model.serving.batcher import BatchLimits, DeviceChecks, MicroBatcher  # noqa: PLC0415

    device = BrokenDevice()
    checks = DeviceChecks(probe=device.probe, is_out_of_memory=device.is_out_of_memory)
    batcher = MicroBatcher(device.forward, BatchLimits(), device=checks)
    await batcher.__aenter__()  # never closed: the process is to die of it
    yield BrokenTagger(batcher)


@asynccontextmanager
async def images_under_test(config: Settings) -> AsyncIterator[ImageStore]:
    if config.s3.endpoint_url:
        from streams.adapters.s3.images import S3Images  # noqa: PLC0415

        async with S3Images(s3_settings(config)) as s3:
            yield s3
        return
    limits = Limits(buckets=(BUCKET,), max_object_bytes=10_000)
    async with DelayedImages(Path(os.environ["E2E_IMAGES"]), limits) as folder:
        yield folder


@asynccontextmanager
async def parts(config: Settings, runtime: Runtime) -> AsyncIterator[Components]:
    dependencies = runtime.dependencies
    async with AsyncExitStack() as stack:
        publisher = KafkaPublisher(kafka_settings(config))
        store: AbstractAsyncContextManager[WholeStore] = open_store(config.store)
        yield Components(
            images=await stack.enter_async_context(images_under_test(config)),
            scores=await dependencies.retry_until_available(lambda: stack.enter_async_context(store)),
            tags=await dependencies.retry_until_available(lambda: stack.enter_async_context(publisher)),
            tagger=await stack.enter_async_context(tagger_under_test(config, runtime)),
        )


if __name__ == "__main__":
    config = settings.load()
    if config.store.url:
        from tests.query_watch import log_queries

        log_queries()
    worker.run(config, parts)
