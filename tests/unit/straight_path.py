"""A pipeline over the ports in memory, and faults that strike at every boundary of the straight path."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from agents.bounded_times import ClockLimits
from agents.dead_letters import Deferrals
from agents.dispatcher import Dispatcher
from agents.opened_components import Components
from agents.ports import Forwarded, Versions
from agents.renditions import Renditions
from agents.rollout_comparisons import RolloutComparisons
from agents.telemetry.metrics import Metrics
from agents.testing import LABELS, RULES, FakeTagger
from agents.wiring.handlers import DispatcherLimits, build_dispatcher
from model.policy import Policy
from schemas import topics, wire
from schemas.claims import Claim
from schemas.errors import Undecodable
from schemas.events import (
    Announcement,
    CollectionChanged,
    DeadLetter,
    ModerationRequested,
    RescoreMode,
    RescoreRequested,
)
from schemas.records import ImageHead, Kept, ScoreRecord, Stale
from schemas.rescore_jobs import FromStore, RescoreJob
from schemas.statements import StatementOfReasons
from schemas.tags import Scores
from schemas.uploads import ImageUploaded, Location, Position
from streams.adapters.limits import Limits
from streams.adapters.memory import MemoryImages, MemoryScores, MemoryTags
from streams.message import Message
from streams.ports import Change, Fetched
from streams.resilience.rejection_alarm import RejectionLimits
from streams.resilience.retry import Backoff, Dependencies

T = TypeVar("T")

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
LIMITS = Limits(buckets=("photos",), max_object_bytes=1000)
IMPATIENT = Backoff(first=0.0001, longest=0.0001)

STEPS = ("head", "fetch", "decode", "score", "keep", "state", "announce", "mark", "bury")
BOUNDARIES = tuple((step, side) for step in STEPS for side in ("before", "after"))
HALFWAY = ("announce", "halfway")
"""The first event is out, the others are not."""

JOB = RescoreJob(
    id="job-1",
    created_at=EPOCH,
    created_by="ann",
    updated_at=EPOCH,
    model_version="2",
    source=FromStore(),
)
"""The one that `rescore_message` asks for."""


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

    async def fetch(self, location: Location) -> Fetched:
        fetch = super().fetch
        return await self.faults.around("fetch", lambda: fetch(location))


class FaultyScores(MemoryScores):
    def __init__(self, faults: Faults) -> None:
        super().__init__()
        self.faults = faults

    async def head(self, image_id: str) -> ImageHead | None:
        head = super().head
        return await self.faults.around("head", lambda: head(image_id))

    async def apply(self, image_id: str, change: Change, record: ScoreRecord | None = None) -> Kept | Stale:
        apply, step = super().apply, "keep" if record else "mark"
        return await self.faults.around(step, lambda: apply(image_id, change, record))

    async def keep_statements(self, statements: Sequence[StatementOfReasons]) -> None:
        keep = super().keep_statements
        await self.faults.around("state", lambda: keep(statements))


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
        self.scores.job_documents[JOB.id] = JOB.model_dump_json()
        self.tags: MemoryTags = FaultyTags(self.faults)
        self.tagger: FakeTagger = SpokenTagger(self.faults)
        self.versions: Versions | None = None
        self.renditions: Renditions | None = None

        self.rollouts: RolloutComparisons | None = None
        self.metrics = Metrics()
        self.now = EPOCH
        self.limits = DispatcherLimits(
            deferrals=Deferrals(attempts=4, gone=0),
            rejections=RejectionLimits(share=1.0),
            clock=ClockLimits(tolerance=86_400),  # all worlds begin at EPOCH, and time stands still in them
        )

    def desk(self) -> Dispatcher:
        parts = Components(
            images=self.images,
            scores=self.scores,
            tags=self.tags,
            tagger=self.tagger,
            versions=self.versions,
            renditions=self.renditions,
            rollouts=self.rollouts,
        )
        outages = Dependencies(IMPATIENT)
        return build_dispatcher(parts, outages, self.limits, metrics=self.metrics, now=lambda: self.now)

    async def put(self, upload: ImageUploaded, seen: str) -> None:
        await self.images.put(upload.location, seen.encode())

    async def deliver(self, *messages: Message) -> None:
        """A worker starts and handles the messages, one after another."""
        desk = self.desk()
        for message in messages:
            await desk.handle(message).work()

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
        changed = [
            (topic, e) for topic, e in events if isinstance(e, ModerationRequested | CollectionChanged)
        ]
        return [(topic, e.label, str(e.action)) for topic, e in changed]

    @property
    def event_ids(self) -> set[tuple[str, str, str, str]]:
        """Topic, image, fact and id of all that was announced, each once."""
        said = [(each.topic, each.event) for each in self.tags.announced]
        return {(topic, e.image_id, e.type, e.event_id) for topic, e in said if e}

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


def s3_message(
    event: str, key: str, *, minute: int, sequencer: str, offset: int = 0, version: str | None = None
) -> Message:
    """A bucket notification of AWS's shape, as storage itself would send it."""
    said = {"key": key, "sequencer": sequencer, "eTag": f"etag-{sequencer}"} | (
        {"versionId": version} if version else {}
    )
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventTime": (EPOCH + timedelta(minutes=minute)).isoformat(),
        "eventName": event,
        "s3": {"bucket": {"name": "photos"}, "object": said},
    }
    return raw_message(json.dumps({"Records": [record]}).encode(), offset=offset, key=key.encode())


def decision_message(
    image_id: str,
    action: str,
    *,
    minute: float,
    labels: list[str] | None = None,
    offset: int = 0,
    digest: str | None = None,
) -> Message:
    """A moderator's decision as it comes off the wire."""
    when = (EPOCH + timedelta(minutes=minute)).isoformat()
    said = {"image_id": image_id, "action": action, "decided_at": when, "decided_by": "ann", "labels": labels}
    said |= {"content_digest": digest} if digest else {}
    return Message(topics.DECISIONS, 0, offset, key=image_id.encode(), value=json.dumps(said).encode())


def rescore_message(
    upload: ImageUploaded, *, version: str, offset: int = 0, mode: RescoreMode = RescoreMode.APPLY
) -> Message:
    """The replay lane's request for the upload, as it comes off the wire."""
    position = Position(uploaded_at=upload.uploaded_at, partition=3, offset=offset, event_id=upload.event_id)
    wanted = RescoreRequested(
        event_id=f"rescore-{upload.event_id}-{version}-{mode}",
        image_id=upload.image_id,
        claim=Claim.of(upload, position),
        model_version=version,
        mode=mode,
        job="job-1",
        requested_at=EPOCH,
    )
    return Message(topics.RESCORE, 0, offset, key=upload.image_id.encode(), value=wire.encode(wanted))
