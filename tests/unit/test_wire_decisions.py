"""Decisions and requests to score again, as they come off the wire."""

import json
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import wire
from schemas.claims import Claim
from schemas.decisions import Decided, ModerationDecided
from schemas.events import RescoreRequested
from schemas.uploads import Location, Position

NOON: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)
SAID: Final[dict[str, Any]] = {
    "image_id": "img_1",
    "action": "approve",
    "decided_at": "2026-01-01T12:00:00Z",
    "decided_by": "ada",
}
HEADERS: Final = {
    "ce_specversion": b"1.0",
    "ce_id": b"1",
    "ce_source": b"/moderation",
    "ce_type": b"decided",
    "ce_time": b"2026-01-01T12:00:00Z",
}


def decided(**changes: Any) -> ModerationDecided:
    said = wire.decode_decision(json.dumps(SAID | changes).encode(), {})
    assert isinstance(said, ModerationDecided)
    return said


def spoiled(**changes: Any) -> str:
    said = wire.decode_decision(json.dumps(SAID | changes).encode(), {})
    assert isinstance(said, wire.Invalid)
    return str(said.error)


def test_a_decision_is_a_decision() -> None:
    said = decided(action="correct", labels=["food"], comment="soup")
    assert (said.action, said.labels, said.decided_at) == (Decided.CORRECT, ("food",), NOON)


def test_what_a_person_could_not_decide_is_said_beside_the_labels() -> None:
    said = decided(action="correct", labels=["food"], unsure=["menu "])
    assert (said.labels, said.unsure) == (("food",), ("menu",))
    assert decided().unsure is None


def test_what_is_encoded_decodes_to_the_same() -> None:
    said = decided()
    assert wire.decode_decision(wire.encode(said), {}) == said


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"action": "maybe"}, "action"),
        ({"action": "correct"}, "labels"),
        ({"decided_at": "soon"}, "decided_at"),
        ({"decided_by": ""}, "decided_by"),
        ({"image_id": None}, "image_id"),
        ({"labels": ["x"] * 101}, "labels"),
        ({"comment": "c" * 2001}, "comment"),
        ({"unsure": ["x"] * 101}, "unsure"),
        ({"unsure": [" "]}, "unsure"),
        ({"action": "correct", "labels": ["food"], "unsure": [" food"]}, "'food' stands under `labels`, too"),
    ],
)
def test_what_is_wrong_with_a_decision_is_named(changes: dict[str, Any], said: str) -> None:
    assert said in spoiled(**changes)


@pytest.mark.parametrize("raw", [None, b"", b"{", b"[]", b"null", b"\xff"])
def test_what_is_no_decision_is_spoiled(raw: bytes | None) -> None:
    assert isinstance(wire.decode_decision(raw, {}), wire.Invalid)


def test_a_decision_may_come_as_a_cloudevent_of_either_mode() -> None:
    bare = {name: value for name, value in SAID.items() if name != "decided_at"}
    envelope = {name.removeprefix("ce_"): value.decode() for name, value in HEADERS.items()}
    binary = wire.decode_decision(json.dumps(bare).encode(), HEADERS)
    structured = wire.decode_decision(json.dumps(envelope | {"data": bare}).encode(), {})
    assert isinstance(binary, ModerationDecided)
    assert binary == structured
    assert binary.decided_at == NOON


def test_a_cloudevent_that_is_broken_is_no_decision() -> None:
    headers = HEADERS | {"ce_specversion": b"0.3"}
    assert isinstance(wire.decode_decision(json.dumps(SAID).encode(), headers), wire.Invalid)


@given(name=st.sampled_from((*SAID, "labels", "comment", "event_id")), value=st.text() | st.integers())
def test_no_value_of_any_field_is_an_error(name: str, value: object) -> None:
    assert wire.decode_decision(json.dumps(SAID | {name: value}).encode(), {})


def request() -> RescoreRequested:
    position = Position(uploaded_at=NOON, partition=0, offset=7, event_id="e")
    claim = Claim(position=position, location=Location(bucket="photos", key="k"))
    said = {"event_id": "e", "image_id": "i", "model_version": "2", "job": "j", "requested_at": NOON}
    return RescoreRequested.model_validate(said | {"claim": claim})


def test_a_request_to_score_again_decodes_to_itself() -> None:
    assert wire.decode_rescore(wire.encode(request()), {}) == request()


@pytest.mark.parametrize("raw", [None, b"", b"{}", b"[]", b"\xff"])
def test_what_is_no_request_is_spoiled(raw: bytes | None) -> None:
    assert isinstance(wire.decode_rescore(raw, {}), wire.Invalid)


DIGEST: Final = "0a" * 32


@pytest.mark.parametrize("spelt", [DIGEST, DIGEST.upper(), f"sha256:{DIGEST}", f" SHA256:{DIGEST.upper()} "])
def test_a_digest_is_one_digest_however_it_is_spelt(spelt: str) -> None:
    assert decided(content_digest=spelt).content_digest == DIGEST


@pytest.mark.parametrize("digest", ["", "0a", DIGEST + "0a", "g" * 64, f"md5:{DIGEST}", "<sha256>"])
def test_what_is_no_digest_is_refused_in_words(digest: str) -> None:
    assert "content_digest: " in spoiled(content_digest=digest)
    assert "64 hexadecimal digits" in spoiled(content_digest=digest)


@pytest.mark.parametrize("labels", [[""], [" "], ["food", "\t\n"], ["", " "]])
def test_a_blank_label_is_refused(labels: list[str]) -> None:
    assert "a label is blank" in spoiled(action="correct", labels=labels)


def test_labels_lose_the_white_space_around_them() -> None:
    assert decided(action="correct", labels=[" food", "set menu "]).labels == ("food", "set menu")


def test_null_stands_for_absent() -> None:
    nothing = dict.fromkeys(("event_id", "schema_version", "labels", "comment", "content_digest"))
    assert decided(**nothing) == decided()
    said = json.loads(wire.encode(request()))
    said["schema_version"] = said["decide_again"] = said["claim"]["attributes"] = None
    said["claim"]["location"]["etag"] = None
    assert wire.decode_rescore(json.dumps(said).encode(), {}) == request()


def test_a_decision_without_an_image_is_asked_for_that_and_not_for_its_derived_id() -> None:
    assert spoiled(image_id=None, event_id=None) == "image_id: Field required"
