"""Evidence for the demo's tests: photographs that ended well, each with only what a test says of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import UTC, datetime

from agents import announcements, transitions
from model.manifest import Manifest
from model.policy import DEFAULT_ROUTES, Policy
from schemas import topics, wire
from schemas.events import DeadLetter
from schemas.records import ImageHead, ScoreRecord, State
from schemas.tags import ModelRef, Scores
from schemas.uploads import ImageUploaded, Location, Position
from streams.message import Message
from tagstream.demo.accounting import RunEvidence, account
from tagstream.demo.photos import BUCKET, Photo
from tagstream.demo.result import Deliveries, Result, Timing

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LABELS = ("food", "ambiance", "menu", "human")
MODEL = ModelRef(name="restaurant", version="v9", digest="ab" * 32)
MANIFEST = Manifest(
    name="restaurant",
    version="v9",
    labels=LABELS,
    architecture="tiny",
    thresholds=dict.fromkeys(LABELS, 0.5),
    routes=DEFAULT_ROUTES,
    sha256="ab" * 32,
)


def photo(name: str = "a.jpg", *, restaurant: str | None = "r1") -> Photo:
    return Photo(name, None, Location(bucket=BUCKET, key=name), restaurant)


def head(of: Photo, **probabilities: float) -> ImageHead:
    scores = Scores(probabilities=dict.fromkeys(LABELS, 0.01) | probabilities, model=MODEL)
    verdict = Policy(thresholds=MANIFEST.thresholds).decide(scores)
    position = Position(uploaded_at=NOW, partition=0, offset=0, event_id=f"event-{of.name}")
    return ImageHead(
        image_id=of.image_id,
        location=of.location,
        restaurant_id=of.restaurant_id,
        position=position,
        state=State.VISIBLE,
        verdict=verdict,
        scores=scores,
    )


def _message(topic: str, value: bytes, headers: tuple[tuple[str, bytes], ...] = ()) -> Message:
    return Message(topic, 0, 0, None, value, headers)


def uploaded(of: Photo) -> RunEvidence:
    """The event alone, and nothing that came of it."""
    upload = ImageUploaded.model_validate({"location": of.location, "uploaded_at": NOW})
    return RunEvidence({}, {}, {topics.UPLOADED: [_message(topics.UPLOADED, wire.encode(upload))]})


def tagged(of: Photo, **probabilities: float) -> RunEvidence:
    """All that a tagged photograph leaves behind."""
    said = head(of, **probabilities)
    record = ScoreRecord(
        image_id=of.image_id,
        content_version="-",
        scores=said.scores,
        position=said.position,
        scored_at=NOW,
        seconds={"fetch": 0.25, "forward": 0.5},
    )
    known = transitions.acknowledged(said)(said).head
    announced = announcements.announcements(said, announcements.diff(said))
    events = [_message(each.topic, wire.encode(each.event)) for each in announced if each.event]
    return merged(uploaded(of), RunEvidence({of.image_id: known}, {of.image_id: [record]}, _by_topic(events)))


def buried(of: Photo, *, code: str = "gone", message: str = "it is not there") -> RunEvidence:
    """All that a dead-lettered photograph leaves behind."""
    letter = DeadLetter(
        key=None,
        value=b"{}",
        source=(topics.UPLOADED, 0, len(of.name)),
        image_id=of.image_id,
        stage="fetch",
        code=code,
        exception="Gone",
        message=message,
    )
    message_ = _message(letter.topic, letter.value, tuple(letter.causes.items()))
    return merged(uploaded(of), RunEvidence({}, {}, {letter.topic: [message_]}))


def merged(*all_evidence: RunEvidence) -> RunEvidence:
    heads: dict[str, ImageHead] = {}
    records: dict[str, list[ScoreRecord]] = {}
    messages: list[Message] = []
    for each in all_evidence:
        heads |= each.heads
        records |= {image_id: list(history) for image_id, history in each.records.items()}
        messages += [message for topic in each.messages.values() for message in topic]
    return RunEvidence(heads, records, _by_topic(messages))


def without(evidence: RunEvidence, topic: str) -> RunEvidence:
    kept = {name: messages for name, messages in evidence.messages.items() if name != topic}
    return dataclasses.replace(evidence, messages=kept)


def _by_topic(messages: list[Message]) -> Mapping[str, list[Message]]:
    found: dict[str, list[Message]] = {}
    for message in messages:
        found.setdefault(message.topic, []).append(message)
    return found


def result(photos: list[Photo], evidence: RunEvidence, **changes: object) -> Result:
    pace = Timing(NOW, total_seconds=9.0, working_seconds=2.0, stages={"fetch": 0.25, "forward": 0.5})
    made = Result(
        account=account(photos, evidence),
        manifest=MANIFEST,
        is_drill=False,
        strike=None,
        deliveries=Deliveries(0, 0, None),
        pace=pace,
    )
    return dataclasses.replace(made, **changes)  # type: ignore[arg-type]
