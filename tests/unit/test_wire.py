"""What the bytes of one message ask for."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import wire
from schemas.identity import image_id
from schemas.uploads import ImageUploaded

DOCUMENT: dict[str, Any] = {
    "event_id": "e-1",
    "image_id": "img_1",
    "location": {"bucket": "photos", "key": "r1/a.jpg", "version": "v1", "etag": "abc"},
    "restaurant_id": "r1",
    "uploader_id": "u1",
    "uploaded_at": "2026-01-01T12:00:00Z",
    "attributes": {"camera": "phone"},
}


def uploaded(**changes: Any) -> ImageUploaded:
    (record,) = wire.decode(json.dumps(DOCUMENT | changes).encode(), {})
    assert isinstance(record, wire.Uploaded)
    return record.upload


def cause(raw: bytes | None) -> str:
    (record,) = wire.decode(raw, {})
    assert isinstance(record, wire.Invalid)
    return str(record.error)


def without(*names: str) -> bytes:
    return json.dumps({name: value for name, value in DOCUMENT.items() if name not in names}).encode()


def test_an_upload_event_is_an_upload() -> None:
    upload = uploaded()
    assert (upload.event_id, upload.image_id) == ("e-1", "img_1")
    assert (upload.restaurant_id, upload.uploader_id) == ("r1", "u1")
    assert upload.location.key == "r1/a.jpg"
    assert upload.uploaded_at == datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_what_is_encoded_decodes_to_the_same() -> None:
    upload = uploaded()
    (record,) = wire.decode(wire.encode(upload), {})
    assert record == wire.Uploaded(upload)


def test_fields_of_a_later_version_are_ignored() -> None:
    assert uploaded(mood="hungry", schema_version=1) == uploaded()


def test_location_and_time_are_enough() -> None:
    (record,) = wire.decode(without("event_id", "image_id", "restaurant_id", "uploader_id", "attributes"), {})
    assert isinstance(record, wire.Uploaded)
    assert record.upload.image_id == image_id("photos", "r1/a.jpg")
    assert record.upload.restaurant_id is None


def test_an_event_without_an_id_derives_the_same_one_each_time_it_comes() -> None:
    raw = without("event_id", "image_id")
    assert wire.decode(raw, {}) == wire.decode(raw, {})


@pytest.mark.parametrize(
    "changes",
    [
        {"location": {"bucket": "photos", "key": "r1/a.jpg", "version": "v2"}},
        {"location": {"bucket": "photos", "key": "r1/b.jpg", "version": "v1"}},
        {"uploaded_at": "2026-01-01T12:00:01Z"},
    ],
)
def test_an_event_of_another_image_content_or_time_derives_another_id(changes: dict[str, Any]) -> None:
    derived = {"event_id": None, "image_id": None}
    assert uploaded(**derived, **changes).event_id != uploaded(**derived).event_id


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (None, "empty"),
        (b"", "empty"),
        (b"\xff\xfe\x00", "not JSON"),
        (b'{"location": ', "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"9" * 5_000, "not JSON"),
        (b"[7]", "batch: event 0, counted from 0: a JSON int, not an object"),
        (b"null", "a JSON NoneType, not an object"),
        (b'"photo"', "JSON within text: not JSON"),
        (b"{}", "location: Field required"),
        (without("uploaded_at"), "uploaded_at: Field required"),
        (without("location"), "location: Field required"),
    ],
)
def test_what_is_no_event_is_spoiled_and_says_why(raw: bytes | None, said: str) -> None:
    assert said in cause(raw)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("location", "s3://photos/r1/a.jpg"),
        ("location", {"bucket": "photos"}),
        ("location", {"bucket": "", "key": "k"}),
        ("location", {"bucket": "photos", "key": "k" * 1025}),
        ("location", {"bucket": "photos", "key": 7}),
        ("event_id", "e" * 201),
        ("uploaded_at", "yesterday"),
        ("uploaded_at", 1e30),
        ("restaurant_id", 7),
        ("attributes", {"camera": 7}),
        ("attributes", ["camera"]),
    ],
)
def test_a_wrong_field_is_named_without_its_value(field: str, value: object) -> None:
    said = cause(json.dumps(DOCUMENT | {field: value}).encode())
    assert any(name in said for name in (field, "bucket", "key"))
    assert "kkkk" not in said
    assert "\n" not in said


def test_every_wrong_field_is_named_in_one_line() -> None:
    said = cause(b'{"location": {"bucket": "photos", "key": "k"}, "uploaded_at": [], "uploader_id": 1}')
    assert "uploaded_at" in said
    assert "uploader_id" in said


@given(raw=st.binary())
def test_no_bytes_whatever_are_an_error_or_nothing(raw: bytes) -> None:
    assert wire.decode(raw, {})
