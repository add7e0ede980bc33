"""A message of any topic is one line for people and one JSON object for scripts; nothing spoils either."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from operations import messages
from schemas import topics
from schemas.claims import Claim
from schemas.decisions import ModerationDecided
from schemas.events import (
    Action,
    CollectionChanged,
    ImageTagged,
    ModerationRequested,
    RescoreRequested,
    TagsHeld,
)
from schemas.uploads import ImageRemoved
from tagstream.render import messages as render
from tests.contract.builders import statement
from tests.unit.cli_builders import LOCATION, MODEL, NOW, ROUTE, TAGS, head, letter, message, upload

POSITION = head(upload()).position
FACTS = {"event_id": "e", "image_id": "img_a", "position": POSITION, "model": MODEL, "location": LOCATION}
CHANGE = {"action": Action.ADDED, "label": "menu", "why": ROUTE}


DECISION = {"event_id": "e", "image_id": "img_a", "decided_at": NOW, "decided_by": "ann"}
RESCORE = {
    "event_id": "e",
    "image_id": "img_a",
    "model_version": "v10",
    "job": "replay-1",
    "requested_at": NOW,
}
CLAIM = Claim(position=POSITION, location=LOCATION)
REMOVED = ImageRemoved.model_validate({"location": LOCATION, "removed_at": NOW})
PHOTO = "s3://photos/lunch.jpg"


@pytest.mark.parametrize(
    ("topic", "event", "expected"),
    [
        (topics.UPLOADED, upload(), f"uploaded {PHOTO}"),
        (topics.UPLOADED, REMOVED, f"removed {PHOTO}"),
        (topics.UPLOADED, None, "deleted"),
        (
            topics.TAGGED,
            ImageTagged(**FACTS, tags=TAGS, state="hidden", reason="replay"),
            f"{PHOTO}  menu 0.91  food 0.08  hidden  (replay)",
        ),
        (
            topics.LATEST,
            TagsHeld(**FACTS, tags=TAGS[:1], state="visible", decided_by="ann"),
            f"{PHOTO}  menu 0.91  says ann",
        ),
        (topics.LATEST, TagsHeld(**FACTS, tags=(), state="visible"), "no tags"),
        (topics.LATEST, None, "deleted"),
        (topics.MODERATION, ModerationRequested(**FACTS, **CHANGE), f"+ menu  {PHOTO}  menu >= 0.5"),
        (
            "photos.drinks.v1",
            CollectionChanged(**FACTS | {"restaurant_id": "r1"}, **CHANGE | {"action": Action.REMOVED}),
            "- menu of r1",
        ),
        (
            topics.DECISIONS,
            ModerationDecided(**DECISION, action="correct", labels=()),
            "correct no label  by ann",
        ),
        (topics.DECISIONS, ModerationDecided(**DECISION, action="approve", comment="fine"), "by ann  fine"),
        (topics.STATEMENTS, statement(0, puid="s"), "hide  menu 0.91"),
        (topics.RESCORE, RescoreRequested(**RESCORE, claim=CLAIM), f"{PHOTO}  by model v10, for replay-1"),
    ],
)
def test_every_topic_has_its_line(topic: str, event: BaseModel | None, expected: str) -> None:
    line = render.line(message(topic, event, offset=7)).plain
    assert expected in line
    assert line.endswith("  0:7")


def test_a_letter_is_told_by_its_cause_on_whichever_topic_it_is() -> None:
    told = letter(code="undecodable", topic=topics.PARKING)
    assert "undecodable in fetch: it is not there" in render.line(told.message).plain


def test_documents_are_json_with_the_event_inside() -> None:
    told = json.loads(json.dumps(messages.document(message(topics.UPLOADED, upload()))))
    assert told["value"]["image_id"] == upload().image_id
    assert (told["key"], told["partition"], told["timestamp"]) == ("img_a", 0, NOW.isoformat())


def test_a_tombstone_is_null_and_bytes_that_are_no_text_are_base64() -> None:
    assert messages.document(message(topics.LATEST, None))["value"] is None
    assert messages.document(message(topics.LATEST, b"\xff\x00"))["value_base64"] == "/wA="
    assert messages.document(message(topics.LATEST, b"no json"))["value"] == "no json"


@given(
    topic=st.sampled_from([*topics.ALL, "photos.drinks.v1"]),
    value=st.one_of(st.none(), st.binary(), st.text().map(str.encode)),
    headers=st.lists(st.tuples(st.text(), st.binary())),
)
def test_whatever_bytes_come_are_told(
    topic: str, value: bytes | None, headers: list[tuple[str, bytes]]
) -> None:
    told = message(topic, value, headers=tuple(headers))
    assert render.line(told).plain
    assert json.dumps(messages.document(told))
