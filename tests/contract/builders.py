"""Values for the contract suites, each with only what a test says about it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from schemas import topics
from schemas.events import Action, Announcement, DeadLetter, ImageTagged, ModerationRequested
from schemas.records import Announced, ImageHead, ScoreRecord, State
from schemas.statements import (
    AutomatedDecision,
    AutomatedDetection,
    DecisionGround,
    DecisionVisibility,
    SourceType,
    StatementCategory,
    StatementKind,
    StatementOfReasons,
)
from schemas.tags import ModelRef, Route, Scores, Tag, Verdict
from schemas.uploads import Location, Position

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
FIRST_MODEL = ModelRef(name="restaurant", version="1", digest="aa")
SECOND_MODEL = ModelRef(name="restaurant", version="2", digest="bb")
LOCATION = Location(bucket="photos", key="r1/a.jpg", etag="e1")


def position(minute: int, *, event: str | None = None, sequencer: str | None = None) -> Position:
    """The position of an event that was uploaded `minute` minutes after the epoch."""
    return Position(
        uploaded_at=EPOCH + timedelta(minutes=minute),
        partition=0,
        offset=minute,
        event_id=event or f"event-{minute}",
        sequencer=sequencer,
    )


def verdict(model: ModelRef = FIRST_MODEL, *, probability: float = 0.9) -> Verdict:
    """Food, with this probability."""
    tag = Tag(label="food", probability=probability, threshold=0.5, tagged=probability >= 0.5)
    return Verdict(tags=(tag,), routes=(), model=model)


def head(
    at: Position, *, image: str = "img_a", model: ModelRef = FIRST_MODEL, food: float = 0.9
) -> ImageHead:
    """The head that the event at `at` gives."""
    return ImageHead(
        image_id=image,
        location=LOCATION,
        restaurant_id="r1",
        position=at,
        state=State.VISIBLE,
        verdict=verdict(model, probability=food),
        scores=Scores(probabilities={"food": food, "menu": 0.1}, model=model),
    )


def record(of: ImageHead, *, job: str = "live") -> ScoreRecord:
    """The history that belongs to `of`."""
    return ScoreRecord(
        image_id=of.image_id,
        content_version=of.location.content_version,
        scores=of.scores,
        position=of.position,
        scored_at=EPOCH,
        seconds={"fetch": 0.25},
        job=job,
    )


def statement(
    minute: int, *, puid: str, image: str = "img_a", facts: str = "menu 0.91"
) -> StatementOfReasons:
    """Why the image was hidden in that minute."""
    when = EPOCH + timedelta(minutes=minute)
    return StatementOfReasons(
        event_id=puid,
        image_id=image,
        revision=1,
        kind=StatementKind.HIDE,
        occurred_at=when,
        model=FIRST_MODEL,
        puid=puid,
        decision_visibility=(DecisionVisibility.DISABLED,),
        decision_ground=DecisionGround.INCOMPATIBLE,
        incompatible_content_ground="Terms, section 3",
        incompatible_content_explanation="It shows a menu.",
        category=StatementCategory.OTHER_VIOLATION_TC,
        territorial_scope=("AT", "DE"),
        content_date=EPOCH.date(),
        application_date=when.date(),
        decision_facts=facts,
        source_type=SourceType.VOLUNTARY,
        automated_detection=AutomatedDetection.YES,
        automated_decision=AutomatedDecision.FULLY,
    )


def announced(of: ImageHead) -> Announced:
    """What the broker has acknowledged once `of` is announced."""
    return Announced(verdict=of.verdict, position=of.position)


def tagged(image: str = "img_a", *, minute: int = 0) -> Announcement:
    """An image was scored."""
    said = head(position(minute), image=image)
    event = ImageTagged(
        event_id=f"{image}-{minute}",
        image_id=image,
        position=said.position,
        model=FIRST_MODEL,
        restaurant_id="r1",
        location=LOCATION,
        tags=verdict().tags,
    )
    return Announcement(topic=topics.TAGGED, key=image, event=event)


def moderation(image: str = "img_a") -> Announcement:
    """A person should look at the image."""
    why = Route(topic=topics.MODERATION, label="menu", probability=0.8, threshold=0.5, rule="menu >= 0.5")
    event = ModerationRequested(
        event_id=f"{image}-moderation",
        image_id=image,
        position=position(0),
        model=FIRST_MODEL,
        action=Action.ADDED,
        label="menu",
        location=LOCATION,
        why=why,
    )
    return Announcement(topic=topics.MODERATION, key=image, event=event)


def deletion(image: str = "img_a") -> Announcement:
    """The image holds no tags any more."""
    return Announcement(topic=topics.LATEST, key=image, event=None)


def letter(value: bytes = b"\xff not json", *, headers: tuple[tuple[str, bytes], ...] = ()) -> DeadLetter:
    """A message that can never succeed."""
    return DeadLetter(
        key=b"img_a",
        value=value,
        headers=headers,
        source=(topics.UPLOADED, 3, 41),
        image_id="img_a",
        stage="message",
        code="malformed",
        exception="Malformed",
        message="not JSON",
    )
