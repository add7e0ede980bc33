"""`python -m benchmarks.path [--json] [--files]`: a call trace of one photograph on the straight path.

A real photograph goes through the in-flight window, the dispatcher, the decoder processes, the micro-batcher,
the packaged model, SQLite and the Kafka publisher, behind which a producer acknowledges everything; another
one has gone before to warm up. What is counted is how far a reader has to follow it: files and functions of
the product, calls, and transitions from file to file. The figures are of the code, and of no machine; but
for a call or two, since tasks and threads take turns as they like.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from types import CodeType, FrameType, SimpleNamespace
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from agents.model_slot import ModelSlot
from agents.opened_components import Components
from agents.telemetry import logs
from agents.telemetry.metrics import Metrics
from agents.telemetry.settings import LogSettings
from agents.wiring.handlers import DispatcherLimits, build_dispatcher
from agents.wiring.resident_model import decoders
from agents.wiring.settings import Settings
from agents.wiring.tagging import load_tagger
from schemas.uploads import ImageUploaded, Location
from streams.adapters.kafka.producer import ProducerSettings
from streams.adapters.kafka.publisher import KafkaPublisher
from streams.adapters.limits import Limits
from streams.adapters.memory import MemoryImages
from streams.adapters.sqlite.store import SqliteScores
from streams.inflight import Delivery, InFlight, Partition, WindowLimits
from streams.message import Handler, Message
from streams.resilience.retry import Backoff, Dependencies
from tagstream import samples

ROOT: Final = Path(__file__).parents[1]
PRODUCT: Final = ("schemas", "model", "streams", "agents", "operations", "console", "tagstream")
BUCKET: Final = "photos"

Place = tuple[str, str]
"""A file of the product, and a function of it."""


@dataclass(frozen=True, slots=True)
class Trace:
    """How far one photograph has to be followed."""

    files: int
    functions: int
    calls: int
    """Entries into functions, each return into a coroutine that had waited among them."""
    returns: int
    """How many of the calls are such returns."""
    transitions: int
    """From a call to the next one in another file."""
    order: tuple[str, ...]
    """The files, in the order in which they were entered first."""


class Recorder:
    """A profile function that keeps every entry into a function of the product while it is on."""

    def __init__(self) -> None:
        self.entered: list[Place] = []
        self.returns = 0
        self._known: dict[CodeType, Place | None] = {}
        self._frames: set[FrameType] = set()
        self._is_on = False

    @contextmanager
    def on(self) -> Iterator[None]:
        """Keep what is entered within the block, in whatever thread."""
        self._is_on = True
        try:
            yield
        finally:
            self._is_on = False

    def __call__(self, frame: FrameType, event: str, _argument: object) -> None:
        """See `sys.setprofile`."""
        if not self._is_on or event != "call":
            return
        code = frame.f_code
        if code not in self._known:
            self._known[code] = _place(code)
        place = self._known[code]
        if place is None:
            return
        self.returns += frame in self._frames
        self._frames.add(frame)  # held, so that no other frame takes its identity
        self.entered.append(place)

    def path(self) -> Trace:
        """What was entered, counted."""
        files = [file for file, _ in self.entered]
        return Trace(
            files=len(set(files)),
            functions=len(set(self.entered)),
            calls=len(files),
            returns=self.returns,
            transitions=sum(one != other for one, other in pairwise(files)),
            order=tuple(dict.fromkeys(files)),
        )


def _place(code: CodeType) -> Place | None:
    file = Path(code.co_filename)
    if not file.is_relative_to(ROOT):
        return None
    within = file.relative_to(ROOT)
    return (str(within), code.co_qualname) if within.parts[0] in PRODUCT else None


class Acknowledging:
    """A producer whose broker takes everything at once."""

    def __init__(self) -> None:
        self.client = SimpleNamespace(close=self._nothing)
        self._message_accumulator = SimpleNamespace(fail_all=lambda _: None, _batches={}, _pending_batches=[])

    async def start(self) -> None:
        """There is nothing to start."""

    async def send(
        self, topic: str, value: bytes | None, *, key: bytes | None, headers: list[tuple[str, bytes]]
    ) -> asyncio.Future[Any]:
        """Acknowledge it."""
        del topic, value, key, headers
        acknowledged: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        acknowledged.set_result(None)
        return acknowledged

    async def flush(self) -> None:
        """There is nothing to wait for."""

    async def stop(self) -> None:
        """There is nothing to stop."""

    async def _nothing(self) -> None:
        return None


@asynccontextmanager
async def _worker(images: MemoryImages, folder: Path) -> AsyncIterator[Handler]:
    """All that a worker has between its consumer and its broker, warm."""
    settings = Settings.model_validate({"model": {"device": "cpu"}, "decode": {"processes": 1}})
    metrics = Metrics()
    decoding = partial(decoders, settings, metrics)
    async with (
        ModelSlot(await load_tagger(settings, decoding=decoding)) as tagger,
        SqliteScores(folder / "scores.sqlite") as scores,
        KafkaPublisher(ProducerSettings(bootstrap="unused"), Acknowledging) as tags,
    ):
        await tagger.warm()
        parts = Components(images=images, scores=scores, tags=tags, tagger=tagger)
        yield build_dispatcher(parts, Dependencies(Backoff()), DispatcherLimits(), metrics=metrics).handle


async def measure() -> Trace:
    """The path of one photograph, after another one to warm up."""
    recorder = Recorder()
    with tempfile.TemporaryDirectory() as folder, _profiling(recorder):
        images = MemoryImages(Limits(buckets=(BUCKET,)))
        async with _worker(images, Path(folder)) as handle:
            for number, photograph in enumerate(samples.photographs()[:2]):
                await images.put(Location(bucket=BUCKET, key=str(number)), photograph.read_bytes())
            warming, measured = _message(0), _message(1)
            await _through(handle, warming)
            with recorder.on():
                await _through(handle, measured)
    return recorder.path()


@contextmanager
def _profiling(profile: Callable[[FrameType, str, object], None]) -> Iterator[None]:
    """`profile` in this thread, and in all that are started within the block."""
    threading.setprofile(profile)
    sys.setprofile(profile)
    try:
        yield
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


async def _through(handle: Handler, message: Message) -> None:
    """The message, from the consumer's hand to its commit."""
    failed: list[BaseException] = []

    async def commit(_offsets: Mapping[Partition, int]) -> bool:
        return True

    window = InFlight(WindowLimits(), commit=commit, on_failure=failed.append)
    task = handle(message)
    place = Partition(message.topic, message.partition)
    delivery = Delivery(place, message.offset, task.keys, task.urgency)
    await window.admit(delivery, task.work, is_current=task.is_ready)
    await window.close(60)
    for error in failed:
        raise error


def _message(number: int) -> Message:
    upload = ImageUploaded.model_validate(
        {
            "location": {"bucket": BUCKET, "key": str(number)},
            "restaurant_id": "r1",
            "uploaded_at": "2026-01-01T00:00:00Z",
        }
    )
    return Message("photos.uploaded.v1", 0, number, None, upload.model_dump_json().encode())


def main() -> None:
    """Measure, and print a table or one JSON document."""
    parser = argparse.ArgumentParser(
        description="How far one photograph has to be followed through the code."
    )
    parser.add_argument("--json", action="store_true", help="one JSON document instead of a table")
    parser.add_argument("--files", action="store_true", help="also the files, in order of first entry")
    asked = parser.parse_args()
    logs.configure(LogSettings(level="error"))
    path = asyncio.run(measure())
    if asked.json:
        print(json.dumps(asdict(path), indent=2))
        return
    table = Table("Files", "Functions", "Calls", "of them returns", "Transitions", box=None)
    table.add_row(*map(str, (path.files, path.functions, path.calls, path.returns, path.transitions)))
    Console().print(table)
    if asked.files:
        print("\n".join(path.order))


if __name__ == "__main__":
    main()
