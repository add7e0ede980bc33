"""One piece of work a stage of the straight path, over the samples and the packaged model."""

import asyncio
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from agents.opened_components import Components
from agents.telemetry.metrics import Metrics
from agents.testing import FakeTagger
from agents.wiring.handlers import DispatcherLimits, build_dispatcher
from model import checkpoint
from model.serving.batcher import BatchLimits, DeviceChecks, MicroBatcher
from model.serving.classifier import Classifier
from schemas.uploads import ImageUploaded, Location
from streams.adapters.limits import Limits
from streams.adapters.memory import MemoryImages, MemoryScores, MemoryTags
from streams.adapters.sqlite.store import SqliteScores
from streams.inflight import Delivery, InFlight, Partition, WindowLimits
from streams.message import Message
from streams.ports import WholeStore
from streams.resilience.retry import Backoff, Dependencies
from tagstream import samples

EVENTS = 2_000


def stages() -> Iterator[tuple[str, Callable[[], int]]]:
    """Name and work of each stage."""
    classifier = Classifier.load(checkpoint.PACKAGED, device="cpu")
    photographs = [path.read_bytes() for path in samples.photographs()]
    yield "decode a sample photograph", lambda: _decode(classifier, photographs)
    for size in (1, 8, 32):
        yield f"forward, batch of {size}", _forward(classifier, photographs, size=size)
    yield "batcher, nothing to compute", lambda: asyncio.run(_batch())
    yield "window, nothing to do", lambda: asyncio.run(_window())
    yield "pipeline, everything in memory", lambda: asyncio.run(_pipeline(MemoryScores()))
    yield "pipeline, SQLite", _on_sqlite


def _decode(classifier: Classifier, photographs: list[bytes]) -> int:
    for data in photographs:
        classifier.preprocess.decode(data)
    return len(photographs)


def _forward(classifier: Classifier, photographs: list[bytes], *, size: int) -> Callable[[], int]:
    pixels = [classifier.preprocess.decode(data) for data in photographs]
    batch = (pixels * 32)[:size]

    def forward() -> int:
        for _ in range(32 // size):
            classifier.forward(batch)
        return 32 // size * size

    return forward


async def _batch() -> int:
    checks = DeviceChecks(probe=lambda: None, is_out_of_memory=lambda _error: False)
    batcher: MicroBatcher[int, int] = MicroBatcher(list, BatchLimits(intake=64), device=checks)
    async with batcher:
        await asyncio.gather(*(batcher.score(number) for number in range(EVENTS)))
    return EVENTS


async def _window() -> int:
    async def commit(_offsets: Mapping[Partition, int]) -> bool:
        return True

    async def nothing() -> None:
        return None

    window = InFlight(WindowLimits(), commit=commit, on_failure=lambda _error: None)
    for offset in range(EVENTS):
        await window.admit(Delivery(Partition("t", 0), offset, (offset,)), nothing, is_current=lambda: True)
    await window.close(10)
    return EVENTS


def _on_sqlite() -> int:
    async def run() -> int:
        with tempfile.TemporaryDirectory() as folder:
            async with SqliteScores(Path(folder) / "scores.sqlite") as scores:
                return await _pipeline(scores)

    return asyncio.run(run())


async def _pipeline(scores: WholeStore) -> int:
    images = MemoryImages(Limits(buckets=("photos",)))
    parts = Components(images=images, scores=scores, tags=MemoryTags(), tagger=FakeTagger())
    desk = build_dispatcher(parts, Dependencies(Backoff()), DispatcherLimits(), metrics=Metrics())
    for number in range(EVENTS):
        await images.put(Location(bucket="photos", key=str(number)), bytes([number % 256]) * 64)
    gate = asyncio.Semaphore(64)

    async def handle(number: int) -> None:
        async with gate:
            await desk.handle(_message(number)).work()

    await asyncio.gather(*map(handle, range(EVENTS)))
    return EVENTS


def _message(number: int) -> Message:
    upload = ImageUploaded.model_validate(
        {"location": {"bucket": "photos", "key": str(number)}, "uploaded_at": "2026-01-01T00:00:00Z"}
    )
    return Message("photos.uploaded.v1", 0, number, None, upload.model_dump_json().encode())
