"""Examples: one of every event that is published, for the schemas and for whoever reads them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pydantic import BaseModel

from schemas import topics
from schemas.claims import Claim
from schemas.decisions import Decided, ModerationDecided
from schemas.events import (
    Action,
    CollectionChanged,
    DeadLetter,
    ImageTagged,
    ModerationRequested,
    OtherVerdict,
    RescoreRequested,
    Suspicion,
    TagsHeld,
    VersionsCompared,
)
from schemas.identity import event_id, image_id
from schemas.statements import (
    EU,
    AutomatedDecision,
    AutomatedDetection,
    DecisionGround,
    DecisionVisibility,
    SourceType,
    StatementCategory,
    StatementKind,
    StatementOfReasons,
)
from schemas.tags import ModelRef, Route, Tag
from schemas.uploads import ImageRemoved, ImageUploaded, Location, Position
from schemas.wire.s3 import S3Notification

NOON: Final = datetime(2026, 3, 14, 12, tzinfo=UTC)
LOCATION: Final = Location(bucket="photos", key="r42/terrace.jpg", etag="9b2cf535f27731c974343645a3985328")
IMAGE: Final = image_id(LOCATION.bucket, LOCATION.key)
UPLOADED: Final = ImageUploaded(
    event_id=event_id("uploaded", IMAGE),
    image_id=IMAGE,
    location=LOCATION,
    restaurant_id="r42",
    uploader_id="u7",
    uploaded_at=NOON,
    attributes={"camera": "phone"},
)
POSITION: Final = Position(uploaded_at=NOON, partition=3, offset=1207, event_id=UPLOADED.event_id)
_DIGEST: Final = "4355a46b19d348dc2f57c046f8ef63d4538ebb936000f3c9ee954a27460dd865"
_MODEL: Final = ModelRef(name="restaurant", version="1.0.0", digest=_DIGEST)
_AMBIANCE: Final = Tag(label="ambiance", probability=0.97, threshold=0.5, tagged=True)
_MENU: Final = Tag(label="menu", probability=0.02, threshold=0.5, tagged=False)


def _said(word: str, **facts: Any) -> dict[str, Any]:  # noqa: ANN401 - whatever the event's fields are
    """What every outbound event carries, and `facts`."""
    common = {"image_id": IMAGE, "revision": 1, "position": POSITION, "model": _MODEL, "location": LOCATION}
    return {"event_id": event_id(word, IMAGE), "restaurant_id": "r42"} | common | facts


def _why(topic: str, tag: Tag) -> Route:
    rule = f"{tag.label} {tag.probability:.2f} >= {tag.threshold:.2f}"
    facts = tag.model_dump(include={"label", "probability", "threshold"})
    return Route(topic=topic, rule=rule, **facts)


_RECORD: Final = {
    "eventVersion": "2.1",
    "eventSource": "aws:s3",
    "eventTime": "2026-03-14T12:00:00.000Z",
    "eventName": "ObjectCreated:Put",
    "userIdentity": {"principalId": "AWS:EXAMPLE"},
    "s3": {
        "bucket": {"name": LOCATION.bucket},
        "object": {
            "key": LOCATION.key,
            "size": 81234,
            "eTag": LOCATION.etag,
            "sequencer": "0055AED6DCD90281E5",
        },
    },
}
_MENU_SEEN: Final = _MENU.model_copy(update={"probability": 0.91, "tagged": True})

_STATEMENT: Final = StatementOfReasons(
    event_id=event_id("statement", IMAGE),
    image_id=IMAGE,
    revision=1,
    kind=StatementKind.HIDE,
    occurred_at=NOON + timedelta(seconds=2),
    restaurant_id="r42",
    content_digest=_DIGEST,
    model=_MODEL,
    puid=event_id("statement", IMAGE),
    decision_visibility=(DecisionVisibility.DISABLED,),
    decision_ground=DecisionGround.INCOMPATIBLE,
    incompatible_content_ground="Terms for photographs, section 3",
    incompatible_content_explanation="Photographs of menus are shown once a person has looked at them.",
    category=StatementCategory.OTHER_VIOLATION_TC,
    territorial_scope=EU,
    content_date=NOON.date(),
    application_date=NOON.date(),
    decision_facts="restaurant 1.0.0 scored it: menu at or above 0.5 (menu 0.91, threshold 0.50).",
    source_type=SourceType.VOLUNTARY,
    automated_detection=AutomatedDetection.YES,
    automated_decision=AutomatedDecision.FULLY,
)

EXAMPLES: Final[Mapping[type[BaseModel], BaseModel]] = {
    type(each): each
    for each in (
        UPLOADED,
        ImageRemoved(event_id=event_id("removed", IMAGE), image_id=IMAGE, location=LOCATION, removed_at=NOON),
        S3Notification.model_validate({"Records": [_RECORD]}),
        ModerationDecided(
            event_id=event_id("decided", IMAGE),
            image_id=IMAGE,
            action=Decided.CORRECT,
            labels=("ambiance",),
            decided_at=NOON + timedelta(minutes=5),
            decided_by="ada",
            comment="a terrace, no menu",
            content_digest=_DIGEST,
        ),
        RescoreRequested(
            event_id=event_id("rescore", IMAGE, "1.1.0"),
            image_id=IMAGE,
            claim=Claim.of(UPLOADED, POSITION),
            model_version="1.1.0",
            job="replay-2026-03",
            requested_at=NOON + timedelta(days=1),
        ),
        ImageTagged.model_validate(_said("tagged", tags=(_AMBIANCE, _MENU), content_digest=_DIGEST)),
        VersionsCompared.model_validate(
            _said(
                "compared",
                rollout="shadow-1.1.0-20260301T120000Z",
                tags=(_AMBIANCE,),
                held=OtherVerdict(model=_MODEL, labels=("ambiance", "menu")),
                content_digest=_DIGEST,
            )
        ),
        TagsHeld.model_validate(_said("held", tags=(_AMBIANCE,), state="visible")),
        ModerationRequested.model_validate(
            _said("moderation", action=Action.ADDED, label="menu", why=_why(topics.MODERATION, _MENU_SEEN))
        ),
        CollectionChanged.model_validate(
            _said("ambiance", action=Action.ADDED, label="ambiance", why=_why(topics.AMBIANCE, _AMBIANCE))
        ),
        _STATEMENT,
    )
}
"""By the event that each is an example of."""

LETTER: Final = DeadLetter(
    key=IMAGE.encode(),
    value=b"{}",
    source=(topics.UPLOADED, 3, 1207),
    image_id=IMAGE,
    stage="fetch",
    code="gone",
    exception="Gone",
    message="The object does not exist.",
    trace="Gone: The object does not exist.",
    topic=topics.RETRY,
    attempts=2,
    due_at=NOON + timedelta(minutes=10),
    suspected=Suspicion(cause="gone", since=NOON),
)
"""A message on its way through the retry topic, with every cause that a letter can name."""
