"""The system under test: storage, store and topics in memory, and the one place that builds a dispatcher."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from agents.bounded_times import ClockLimits
from agents.dead_letters import Deferrals
from agents.model_slot import ModelSlot
from agents.opened_components import Components
from agents.ports import Tagger
from agents.telemetry.metrics import Metrics
from agents.testing import FakeTagger
from agents.wiring.handlers import DispatcherLimits, build_dispatcher
from agents.wiring.settings import Settings
from agents.wiring.tagging import load_tagger
from schemas.errors import Unavailable
from schemas.naming import Keys, Naming
from schemas.rescore_jobs import FromStore, RescoreJob
from schemas.uploads import Location
from streams.adapters.limits import Limits
from streams.adapters.memory import MemoryImages, MemoryScores, MemoryTags
from streams.message import Handler, Message
from streams.ports import Fetched
from streams.resilience.rejection_alarm import RejectionLimits
from streams.resilience.retry import Backoff, Dependencies

NOW = datetime(2026, 4, 1, tzinfo=UTC)
BUCKETS = frozenset({"photos", "restaurant-photos"})


class Crash(BaseException):
    """The process dies here. No `except Exception` can hold it up."""


class Photographs(MemoryImages):
    """A storage that refuses the objects of `refused`, and answers all others."""

    def __init__(self) -> None:
        super().__init__(Limits(buckets=BUCKETS))
        self.refused: set[str] = set()

    async def fetch(self, location: Location) -> Fetched:
        if location.key in self.refused:
            raise Unavailable("s3")
        return await super().fetch(location)


class Topics(MemoryTags):
    """Topics that take one event more where `dies` is set, and then the worker dies."""

    def __init__(self) -> None:
        super().__init__()
        self.dies = False

    async def announce(self, announcements: Sequence[Any]) -> None:
        if not self.dies:
            return await super().announce(announcements)
        self.dies = False
        await super().announce(announcements[:1])
        raise Crash


@dataclass(slots=True)
class World:
    """What outlives a worker."""

    images: Photographs = field(default_factory=Photographs)
    scores: MemoryScores = field(default_factory=MemoryScores)
    tags: Topics = field(default_factory=Topics)

    def __post_init__(self) -> None:
        """The replay that is asked for is a job that runs."""
        job = RescoreJob(
            id="replay-1",
            created_at=NOW,
            created_by="ann",
            updated_at=NOW,
            model_version="2",
            source=FromStore(),
        )
        self.scores.job_documents[job.id] = job.model_dump_json()

    async def put(self, bucket: str, key: str, data: bytes, *, version: str | None = None) -> None:
        """Make the object hold `data`."""
        await self.images.put(Location(bucket=bucket, key=key, version=version), data)


def dispatcher(
    world: World, *, tagger: Tagger | None = None, keys: str = "auto", key_pattern: str | None = None
) -> Handler:
    """What a worker over `world` makes of a message: the one place that knows how it is built."""
    parts = Components(
        images=world.images, scores=world.scores, tags=world.tags, tagger=tagger or FakeTagger(version="1")
    )
    desk = build_dispatcher(
        parts,
        Dependencies(Backoff(first=0.0001, longest=0.0001)),
        DispatcherLimits(
            deferrals=Deferrals(attempts=4, gone=0),
            rejections=RejectionLimits(share=1.0),
            clock=ClockLimits(tolerance=86_400),  # time stands still in it, and events go on
        ),
        metrics=Metrics(),
        naming=Naming(keys=Keys(keys), key_pattern=key_pattern),
        now=lambda: NOW,
    )
    return desk.handle


def newer_tagger() -> Tagger:
    """A model without a network, of another version."""
    return FakeTagger(version="2")


@asynccontextmanager
async def packaged_tagger() -> AsyncIterator[Tagger]:
    """The model that comes with the product, on the CPU."""
    settings = Settings.model_validate({"model": {"device": "cpu"}, "batch": {"max_size": 1}})
    async with ModelSlot(await load_tagger(settings)) as tagger:
        yield tagger


async def deliver(handle: Handler, *messages: Message) -> None:
    """Work on the messages, one after another; what is not ready is left where it is."""
    for message in messages:
        task = handle(message)
        if task.is_ready():
            await task.work()
