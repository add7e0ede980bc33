"""Outbound events: their keys, their frozen form, and dead letters that say why."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from schemas import topics, wire
from schemas.errors import TRACE_LIMIT, Gone, Stage, Unforeseen
from schemas.events import (
    Action,
    AnyTagEvent,
    CollectionChanged,
    DeadLetter,
    ImageTagged,
    ModerationRequested,
)
from schemas.tags import ModelRef, Route, Scores, Tag, Value
from schemas.uploads import Location, Position

FACTS: dict[str, Any] = {
    "event_id": "e-1",
    "image_id": "img_1",
    "position": Position(uploaded_at=datetime(2026, 1, 1, tzinfo=UTC), partition=0, offset=4, event_id="u-1"),
    "model": ModelRef(name="restaurant", version="3", digest="ab"),
    "restaurant_id": "r1",
    "location": Location(bucket="photos", key="r1/a.jpg"),
}
WHY = Route(topic=topics.AMBIANCE, label="ambiance", probability=0.9, threshold=0.7, rule="at or above 0.7")
TAG = Tag(label="food", probability=0.25, threshold=0.5, tagged=False)

TAGGED = ImageTagged(**FACTS, tags=(TAG,))
REQUESTED = ModerationRequested(**FACTS, action=Action.ADDED, label="menu", why=WHY)
CHANGED = CollectionChanged(**FACTS, action=Action.REMOVED, label="ambiance", why=WHY)
EVENTS = (TAGGED, REQUESTED, CHANGED)


def letter(**changes: Any) -> DeadLetter:
    facts: dict[str, Any] = {
        "key": b"k",
        "value": b"\xff raw",
        "source": (topics.UPLOADED, 3, 41),
        "stage": "fetch",
        "code": "gone",
        "exception": "Gone",
        "message": "s3://photos/r1/a.jpg does not exist",
    }
    return DeadLetter(**(facts | changes))


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type)
def test_an_event_survives_its_json(event: AnyTagEvent) -> None:
    assert type(event).model_validate_json(wire.encode(event)) == event


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type)
def test_the_type_on_the_wire_tells_the_events_apart(event: AnyTagEvent) -> None:
    decoded: AnyTagEvent = TypeAdapter(AnyTagEvent).validate_json(wire.encode(event))
    assert decoded == event


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type)
def test_fields_of_a_later_version_are_ignored(event: AnyTagEvent) -> None:
    later = event.model_dump(mode="json") | {"mood": "hungry", "schema_version": 1}
    assert type(event).model_validate(later) == event


@pytest.mark.parametrize("value", [*EVENTS, WHY, TAG, letter()], ids=lambda value: type(value).__name__)
def test_what_travels_is_frozen(value: Value) -> None:
    name = next(iter(type(value).model_fields))
    with pytest.raises(ValidationError, match="frozen"):
        setattr(value, name, "other")


STORED = """
{"schema_version": 1, "event_id": "e-1", "image_id": "img_1", "restaurant_id": "r1", "type": "ImageTagged",
 "position": {"uploaded_at": "2026-01-01T00:00:00Z", "partition": 0, "offset": 4, "event_id": "u-1"},
 "model": {"name": "restaurant", "version": "3", "digest": "ab"}, "reason": "live",
 "location": {"bucket": "photos", "key": "r1/a.jpg"},
 "tags": [{"label": "food", "probability": 0.25, "threshold": 0.5, "tagged": false}]}
"""


def test_an_event_that_version_1_stored_still_decodes() -> None:
    assert ImageTagged.model_validate_json(STORED) == TAGGED


@pytest.mark.parametrize("missing", ["event_id", "image_id", "position", "location"])
def test_an_event_without_what_every_event_carries_is_refused(missing: str) -> None:
    facts = TAGGED.model_dump()
    del facts[missing]
    with pytest.raises(ValidationError, match=missing):
        ImageTagged.model_validate(facts)


def test_the_top_label_of_equals_is_the_first_in_the_model_s_order() -> None:
    scores = Scores(probabilities={"menu": 0.5, "human": 0.5, "food": 0.1}, model=TAGGED.model)
    assert scores.top == "menu"


def test_a_dead_letter_says_why_under_the_names_of_kafka_connect() -> None:
    assert letter(image_id="img_1").causes == {
        "__connect.errors.topic": b"photos.uploaded.v1",
        "__connect.errors.partition": b"3",
        "__connect.errors.offset": b"41",
        "__connect.errors.stage": b"fetch",
        "__connect.errors.code": b"gone",
        "__connect.errors.image_id": b"img_1",
        "__connect.errors.exception.class.name": b"Gone",
        "__connect.errors.exception.message": b"s3://photos/r1/a.jpg does not exist",
    }


def test_a_dead_letter_of_no_known_image_has_no_header_for_it() -> None:
    assert "__connect.errors.image_id" not in letter(image_id=None).causes


def test_a_dead_letter_at_the_very_first_offset_still_says_so() -> None:
    causes = letter(source=(topics.UPLOADED, 0, 0)).causes
    assert (causes["__connect.errors.partition"], causes["__connect.errors.offset"]) == (b"0", b"0")


def test_a_dead_letter_keeps_bytes_that_are_no_text() -> None:
    assert letter(value=bytes(range(256))).value == bytes(range(256))


def test_an_unforeseen_error_keeps_the_end_of_its_stack_trace() -> None:
    error = ValueError("x" * TRACE_LIMIT + "the end")
    unforeseen = Unforeseen.of(error, stage=Stage.DECODE)
    assert len(unforeseen.trace) == TRACE_LIMIT
    assert unforeseen.trace.endswith("the end\n")
    assert str(unforeseen).startswith("ValueError: x")


def test_the_first_line_of_its_docstring_is_an_error_s_message() -> None:
    assert str(Gone()) == "The object does not exist."
