"""The headers under which every event of ours travels."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest

from schemas import topics, wire
from schemas.claims import Claim
from schemas.decisions import Decided, ModerationDecided
from schemas.events import (
    Action,
    CollectionChanged,
    ImageTagged,
    ModerationRequested,
    OtherVerdict,
    RescoreRequested,
    TagsHeld,
    VersionsCompared,
)
from schemas.tags import ModelRef, Route
from schemas.uploads import ImageRemoved, ImageUploaded, Location, Position
from schemas.wire import cloudevents
from schemas.wire.cloudevents import Event
from tests.contract.builders import statement

THEN = datetime(2026, 1, 1, tzinfo=UTC)
NOW = THEN + timedelta(days=1)
AT = Location(bucket="photos", key="a.jpg")
POSITION = Position(uploaded_at=THEN, partition=0, offset=0, event_id="u")
WHY = Route(topic=topics.MODERATION, label="menu", probability=0.9, threshold=0.5, rule="menu >= 0.5")

UPLOADED = ImageUploaded(event_id="u", image_id="img_a", location=AT, uploaded_at=THEN)
REMOVED = ImageRemoved(event_id="r", image_id="img_a", location=AT, removed_at=THEN)
DECIDED = ModerationDecided(
    event_id="d", image_id="img_a", action=Decided.APPROVE, decided_at=THEN, decided_by="eve"
)
RESCORE = RescoreRequested(
    event_id="s",
    image_id="img_a",
    claim=Claim.of(UPLOADED, POSITION),
    model_version="2",
    job="j",
    requested_at=THEN,
)
TAGGED = ImageTagged(event_id="t", image_id="img_a", position=POSITION, location=AT, tags=())
HELD = TagsHeld(event_id="h", image_id="img_a", position=POSITION, location=AT, tags=(), state="visible")
FLAGGED = ModerationRequested(
    event_id="m",
    image_id="img_a",
    position=POSITION,
    location=AT,
    action=Action.ADDED,
    label="menu",
    why=WHY,
)
COLLECTED = CollectionChanged(
    event_id="c",
    image_id="img_a",
    position=POSITION,
    location=AT,
    action=Action.ADDED,
    label="ambiance",
    why=WHY,
)
COMPARED = VersionsCompared(
    event_id="v",
    image_id="img_a",
    position=POSITION,
    location=AT,
    rollout="r",
    tags=(),
    held=OtherVerdict(model=ModelRef(name="m", version="1", digest="d"), labels=()),
)
STATED = statement(0, puid="s")
EVERY: tuple[tuple[Event, str], ...] = (
    (UPLOADED, "tagstream.photos.uploaded.v1"),
    (REMOVED, "tagstream.photos.removed.v1"),
    (DECIDED, "tagstream.photos.decision.v1"),
    (RESCORE, "tagstream.photos.rescore.v1"),
    (TAGGED, "tagstream.photos.tagged.v1"),
    (HELD, "tagstream.photos.tags.v1"),
    (FLAGGED, "tagstream.photos.moderation.v1"),
    (COLLECTED, "tagstream.photos.collection.v1"),
    (COMPARED, "tagstream.photos.compared.v1"),
    (STATED, "tagstream.photos.statement.v1"),
)


def said(event: Event) -> dict[str, bytes]:
    return dict(cloudevents.headers(event, source="/tagstream", now=NOW))


def test_every_kind_of_event_has_a_type() -> None:
    assert set(cloudevents.KINDS) == set(get_args(Event)) == {type(event) for event, _ in EVERY}


@pytest.mark.parametrize(("event", "kind"), EVERY, ids=[kind for _, kind in EVERY])
def test_an_event_travels_under_the_headers_of_cloudevents(event: Event, kind: str) -> None:
    headers = said(event)
    assert headers.pop("ce_time") in (THEN.isoformat().encode(), NOW.isoformat().encode())
    assert headers == {
        "ce_specversion": b"1.0",
        "ce_id": event.event_id.encode(),
        "ce_source": b"/tagstream",
        "ce_type": kind.encode(),
        "ce_subject": b"img_a",
        "content-type": b"application/json",
    }


def test_a_later_schema_version_is_another_type() -> None:
    assert cloudevents.type_of(TAGGED.model_copy(update={"schema_version": 2})).endswith("tagged.v2")


@pytest.mark.parametrize(
    "event", [UPLOADED, REMOVED, DECIDED, RESCORE, STATED], ids=lambda event: type(event).__name__
)
def test_what_somebody_did_occurred_when_they_did_it(event: Event) -> None:
    assert said(event)["ce_time"] == b"2026-01-01T00:00:00+00:00"


@pytest.mark.parametrize("event", [TAGGED, HELD, FLAGGED, COLLECTED], ids=lambda event: type(event).__name__)
def test_what_we_found_occurred_when_we_said_it(event: Event) -> None:
    assert said(event)["ce_time"] == b"2026-01-02T00:00:00+00:00"


def test_what_is_published_under_these_headers_is_read_as_what_it_was() -> None:
    assert wire.decode(wire.encode(UPLOADED), said(UPLOADED)) == (wire.Uploaded(UPLOADED),)
    assert wire.decode(wire.encode(REMOVED), said(REMOVED)) == (wire.Removed(REMOVED),)
    assert wire.decode_decision(wire.encode(DECIDED), said(DECIDED)) == DECIDED
    assert wire.decode_rescore(wire.encode(RESCORE), said(RESCORE)) == RESCORE


def test_a_trace_goes_along_where_there_is_one() -> None:
    assert cloudevents.traced("00-1-2-01") == (("traceparent", b"00-1-2-01"),)
    assert cloudevents.traced(None) == ()
