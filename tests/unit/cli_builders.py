"""What the tests of the commands speak of: an image, its head, its messages and its letters."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from pydantic import BaseModel

from operations.dead_letters import Letter
from schemas import topics, wire
from schemas.claims import Claim, Claims
from schemas.events import DeadLetter, Suspicion
from schemas.records import Announced, ImageHead, ScoreRecord, State
from schemas.tags import ModelRef, Route, Scores, Tag, Verdict
from schemas.uploads import ImageUploaded, Location, Position
from streams.message import Message

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
MODEL = ModelRef(name="restaurant", version="v9", digest="ab" * 32)
LOCATION = Location(bucket="photos", key="lunch.jpg")
TAGS = (
    Tag(label="menu", probability=0.91, threshold=0.5, tagged=True),
    Tag(label="food", probability=0.08, threshold=0.5, tagged=False),
)
ROUTE = Route(topic=topics.MODERATION, label="menu", probability=0.91, threshold=0.5, rule="menu >= 0.5")


def upload(key: str = "lunch.jpg", *, minute: int = 0) -> ImageUploaded:
    location = Location(bucket="photos", key=key)
    return ImageUploaded.model_validate(
        {"location": location, "uploaded_at": NOW + timedelta(minutes=minute)}
    )


def head(of: ImageUploaded, *, announced: bool = True) -> ImageHead:
    position = Position(uploaded_at=of.uploaded_at, partition=0, offset=0, event_id=of.event_id)
    verdict = Verdict(tags=TAGS, routes=(ROUTE,), model=MODEL)
    return ImageHead(
        image_id=of.image_id,
        location=of.location,
        position=position,
        claims=Claims.of(Claim(position=position, location=of.location)),
        state=State.HIDDEN,
        scores=scores(),
        judged=verdict,
        verdict=verdict,
        announced=Announced(verdict=verdict, position=position) if announced else None,
    )


def scores() -> Scores:
    return Scores(probabilities={"menu": 0.91, "food": 0.08}, model=MODEL)


def record(of: ImageHead) -> ScoreRecord:
    return ScoreRecord(
        image_id=of.image_id,
        content_version="-",
        scores=scores(),
        position=of.position,
        scored_at=NOW,
        seconds={"fetch": 0.25, "forward": 0.5},
    )


def message(
    topic: str,
    value: BaseModel | bytes | None,
    *,
    offset: int = 0,
    headers: tuple[tuple[str, bytes], ...] = (),
) -> Message:
    raw = wire.encode(value) if isinstance(value, BaseModel) else value
    return Message(topic, 0, offset, b"img_a", raw, headers, NOW + timedelta(minutes=offset))


def letter(
    *,
    code: str = "gone",
    image_id: str = "img_a",
    offset: int = 0,
    origin: int | None = None,
    topic: str = topics.DEAD_LETTERS,
    hop: Mapping[str, object] = MappingProxyType({}),
    is_redriven: bool = False,
) -> Letter:
    dead = DeadLetter(
        key=b"img_a",
        value=b'{"location": 1}',
        source=(topics.UPLOADED, 3, 17 + offset if origin is None else origin),
        image_id=image_id,
        stage="fetch",
        code=code,
        exception="Gone",
        message="it is not there",
    ).model_copy(update=hop)
    return Letter(message(topic, dead.value, offset=offset, headers=tuple(dead.causes.items())), is_redriven)


def deferred(*, code: str = "undecodable", image_id: str = "img_a", is_suspected: bool = True) -> Message:
    """A letter on the retry topic."""
    suspicion = Suspicion(cause=code, since=NOW) if is_suspected else None
    hop = {"due_at": NOW + timedelta(minutes=5), "suspected": suspicion, "attempts": 1}
    return letter(code=code, image_id=image_id, topic=topics.RETRY, hop=hop).message
