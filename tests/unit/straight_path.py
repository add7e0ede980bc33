"""A pipeline over the ports in memory, and faults that strike at every boundary of the straight path."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from agents.metrics import Metrics
from agents.pipeline import Forwarded, Parts, Pipeline
from agents.testing import LABELS, RULES, FakeTagger
from model.policy import Policy
from schemas import topics, wire
from schemas.errors import Undecodable
from schemas.events import Announcement, DeadLetter
from schemas.records import Announced, ImageHead, Kept, ScoreRecord, Stale
from schemas.tags import Scores
from schemas.uploads import ImageUploaded, Location
from streams.adapters.limits import Limits
from streams.adapters.memory import MemoryImages, MemoryScores, MemoryTags
from streams.message import Message
from streams.retry import Outages, Patience

T = TypeVar("T")

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
LIMITS = Limits(allowed_buckets=frozenset({"photos"}), max_object_bytes=1000)
IMPATIENT = Patience(first=0.0001, longest=0.0001)

STEPS = ("head", "fetch", "decode", "score", "keep", "announce", "mark", "bury")
BOUNDARIES = tuple((step, side) for step in STEPS for side in ("before", "after"))
HALFWAY = ("announce", "halfway")
"""The first event is out, the others are not."""


class Crash(BaseException):
    """The process dies here. No `except Exception` can hold it up."""


@dataclass
class Faults:
    """Raises `error` the first time that `boundary` is reached; keeps the steps that were begun."""

    boundary: tuple[str, str] | None = None
    error: BaseException = field(default_factory=Crash)
    begun: list[str] = field(default_factory=list)

    async def around(self, step: str, call: Callable[[], Awaitable[T]]) -> T:
        self.begun.append(step)
        self.strike(step, "before")
        result = await call()
        self.strike(step, "after")
        return result

    def strike(self, step: str, side: str) -> None:
        if self.boundary == (step, side):
            self.boundary = None
            raise self.error


class FaultyImages(MemoryImages):
    def __init__(self, faults: Faults) -> None:
        super().__init__(LIMITS)
        self.faults = faults

    async def fetch(self, location: Location) -> bytes:
        fetch = super().fetch
        return await self.faults.around("fetch", lambda: fetch(location))


class FaultyScores(MemoryScores):
    def __init__(self, faults: Faults) -> None:
        super().__init__()
        self.faults = faults

    async def head(self, image_id: str) -> ImageHead | None:
        head = super().head
        return await self.faults.around("head", lambda: head(image_id))

    async def keep(self, head: ImageHead, record: ScoreRecord) -> Kept | Stale:
        keep = super().keep
        return await self.faults.around("keep", lambda: keep(head, record))

    async def mark(self, image_id: str, announced: Announced) -> None:
        mark = super().mark
        await self.faults.around("mark", lambda: mark(image_id, announced))


class FaultyTags(MemoryTags):
    def __init__(self, faults: Faults) -> None:
        super().__init__()
        self.faults = faults

    async def announce(self, announcements: Sequence[Announcement]) -> None:
        await self.faults.around("announce", lambda: self._announce(announcements))

    async def bury(self, letter: DeadLetter) -> None:
        bury = super().bury
        await self.faults.around("bury", lambda: bury(letter))

    async def _announce(self, announcements: Sequence[Announcement]) -> None:
        await super().announce(announcements[:1])
        self.faults.strike(*HALFWAY)
        await super().announce(announcements[1:])


class SpokenTagger(FakeTagger):
    """Sees what the bytes say: `menu=0.9 food=0.2`; labels not named score 0. Routes hold on for 0.2."""

    def __init__(self, faults: Faults | None = None, *, version: str = "1") -> None:
        super().__init__(version=version)
        self.faults = faults or Faults()
        rules = tuple(rule.model_copy(update={"hysteresis": 0.2}) for rule in RULES)
        self._policy = Policy(thresholds=dict.fromkeys(LABELS, 0.7), rules=rules)

    async def decode(self, data: bytes) -> bytes:
        decode = super().decode
        return await self.faults.around("decode", lambda: decode(data))

    async def score(self, pixels: bytes) -> Forwarded:
        return await self.faults.around("score", lambda: self._forward(pixels))

    async def _forward(self, pixels: bytes) -> Forwarded:
        self.forwards += 1
        said = dict(word.split("=") for word in pixels.decode().split())
        if not said:
            raise Undecodable("nothing to be seen")
        probabilities = {label: float(said.get(label, 0.0)) for label in LABELS}
        scores = Scores(probabilities=probabilities, model=self.model)
        return Forwarded(scores, queued=0.5, forward=0.25, batch_size=4)


class World:
    """What outlives a worker: photographs, scores and topics. `pipeline` is a worker's new life."""

    def __init__(self, faults: Faults | None = None) -> None:
        self.faults = faults or Faults()
        self.images: MemoryImages = FaultyImages(self.faults)
        self.scores: MemoryScores = FaultyScores(self.faults)
        self.tags: MemoryTags = FaultyTags(self.faults)
        self.tagger: FakeTagger = SpokenTagger(self.faults)
        self.metrics = Metrics()
        self.loading = 32

    def pipeline(self) -> Pipeline:
        parts = Parts(images=self.images, scores=self.scores, tags=self.tags, tagger=self.tagger)
        return Pipeline(parts, Outages(IMPATIENT), loading=self.loading, metrics=self.metrics)

    async def put(self, upload: ImageUploaded, seen: str) -> None:
        await self.images.put(upload.location, seen.encode())

    async def deliver(self, *messages: Message) -> None:
        """A worker starts and handles the messages, one after another."""
        pipeline = self.pipeline()
        for message in messages:
            await pipeline.handle(message).work()

    async def tag(self, upload: ImageUploaded, seen: str, *, offset: int = 0) -> None:
        """The photograph is put, and its upload delivered."""
        await self.put(upload, seen)
        await self.deliver(message_of(upload, offset=offset))

    async def head_of(self, upload: ImageUploaded) -> ImageHead:
        head = await MemoryScores.head(self.scores, upload.image_id)
        assert head is not None
        return head

    @property
    def said(self) -> list[tuple[str, str, str]]:
        """Topic, label and action of every change that was announced, in order."""
        events = [(each.topic, each.event) for each in self.tags.announced]
        return [(topic, e.label, str(e.action)) for topic, e in events if e.type != "ImageTagged"]

    @property
    def event_ids(self) -> set[tuple[str, str, str, str]]:
        """Topic, image, fact and id of all that was announced, each once."""
        return {(a.topic, a.event.image_id, a.event.type, a.event.event_id) for a in self.tags.announced}

    @property
    def refused(self) -> set[tuple[str | None, str]]:
        return {(letter.image_id, letter.code) for letter in self.tags.buried}

    def counted(self, outcome: str) -> float:
        return self.metrics.registry.get_sample_value("tagstream_outcomes_total", {"outcome": outcome}) or 0


def upload_of(
    key: str = "r1/a.jpg", *, minute: int = 0, restaurant: str | None = "r1", bucket: str = "photos"
) -> ImageUploaded:
    """The upload of `key` in that minute; every minute's content is a version of its own."""
    return ImageUploaded.model_validate(
        {
            "event_id": f"{key}@{minute}",
            "location": {"bucket": bucket, "key": key, "version": f"v{minute}"},
            "restaurant_id": restaurant,
            "uploaded_at": EPOCH + timedelta(minutes=minute),
        }
    )


def message_of(upload: ImageUploaded, *, offset: int = 0) -> Message:
    """The upload as it comes off the wire."""
    return raw_message(wire.encode(upload), offset=offset, key=upload.image_id.encode())


def raw_message(value: bytes | None, *, offset: int = 0, key: bytes | None = b"key") -> Message:
    """Any bytes as they come off the wire."""
    headers = (("traceparent", b"00-abc-def-01"), ("traceparent", b"again"))
    return Message(topics.UPLOADED, 3, offset, key=key, value=value, headers=headers)
