"""Events that a hostile or a broken producer may send: none may stop the worker, now or later."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import wire

BASE: dict[str, Any] = {
    "location": {"bucket": "photos", "key": "r1/a.jpg"},
    "uploaded_at": "2026-01-01T12:00:00Z",
}
FIELDS = ("event_id", "image_id", "location", "restaurant_id", "uploader_id", "uploaded_at", "attributes")

ANY_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.datetimes().map(str),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


def decoded(**changes: Any) -> wire.Record:
    (record,) = wire.decode(json.dumps(BASE | changes).encode(), {})
    return record


@pytest.mark.parametrize("value", [5, 1.5, True, ["img"], {"id": "img"}])
def test_an_image_id_that_is_no_text_is_spoiled(value: object) -> None:
    assert isinstance(decoded(image_id=value), wire.Invalid)


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"])
def test_a_time_beyond_the_calendar_is_spoiled(moment: str) -> None:
    assert isinstance(decoded(uploaded_at=moment), wire.Invalid)


@pytest.mark.parametrize("field", ["event_id", "image_id", "restaurant_id", "uploader_id"])
def test_half_a_character_is_spoiled_for_no_event_could_say_it_again(field: str) -> None:
    assert isinstance(decoded(**{field: "r\ud800"}), wire.Invalid)


@pytest.mark.parametrize("attributes", [{"a": "\ud800"}, {"\ud800": "a"}])
def test_half_a_character_in_an_attribute_is_spoiled(attributes: dict[str, str]) -> None:
    assert isinstance(decoded(attributes=attributes), wire.Invalid)


@pytest.mark.parametrize("field", ["restaurant_id", "uploader_id"])
def test_an_id_too_long_to_be_said_again_is_spoiled(field: str) -> None:
    assert isinstance(decoded(**{field: "r" * 500_000}), wire.Invalid)


@pytest.mark.parametrize("field", ["version", "etag"])
def test_a_content_version_too_long_to_be_said_again_is_spoiled(field: str) -> None:
    assert isinstance(decoded(location=BASE["location"] | {field: "e" * 500_000}), wire.Invalid)


def test_the_cause_of_ten_thousand_wrong_fields_is_still_short() -> None:
    record = decoded(attributes={str(number): number for number in range(10_000)})
    assert isinstance(record, wire.Invalid)
    assert len(str(record.error)) < 2_000


def test_the_cause_does_not_repeat_a_name_of_a_megabyte() -> None:
    record = decoded(attributes={"a" * 1_000_000: 1})
    assert isinstance(record, wire.Invalid)
    assert len(str(record.error)) < 2_000


def test_the_same_time_in_another_spelling_is_the_same_event() -> None:
    spellings = [decoded(uploaded_at=said) for said in ("2026-01-01T12:00:00Z", "2026-01-01T13:00:00+01:00")]
    assert spellings[0] == spellings[1]


VALID = json.dumps(BASE)


@pytest.mark.parametrize(
    "raw",
    [
        VALID.encode("utf-16"),
        VALID.encode()[:-1],
        VALID.encode() + b"{}",
        b"[" * 100_000,
        b'{"Records":' * 100_000,
        b'{"specversion": "1.0", "data": ' * 100_000,
        b'{"Records": [{"s3": {"object": {"size": ' + b"9" * 4_000 + b"}}}]}",
        b'{"uploaded_at": NaN, "location": {"bucket": "b", "key": "k"}}',
        b'{"uploaded_at": 1e400, "location": {"bucket": "b", "key": "k"}}',
        b'{"uploaded_at": ' + b"9" * 4_000 + b', "location": {"bucket": "b", "key": "k"}}',
        b'{"specversion": "1.0", "id": "\\ud800", "source": "s", "type": "t", "data": {}}',
        b"\x00" * 1_000,
    ],
    ids=lambda raw: raw[:20].decode(errors="replace"),
)
def test_what_looks_like_an_event_and_is_none_is_spoiled_in_few_words(raw: bytes) -> None:
    (record,) = wire.decode(raw, {})
    assert isinstance(record, wire.Invalid)
    assert len(str(record.error)) < 2_000


def test_of_a_field_said_twice_the_last_one_holds() -> None:
    raw = VALID[:-1] + ', "uploaded_at": "2027-01-01T00:00:00Z"}'
    (record,) = wire.decode(raw.encode(), {})
    assert isinstance(record, wire.Uploaded)
    assert record.upload.uploaded_at.year == 2027


def test_a_hundred_thousand_names_nobody_asked_for_are_left_out() -> None:
    assert decoded(**{str(number): number for number in range(100_000)}) == decoded()


@given(field=st.sampled_from(FIELDS), value=ANY_JSON)
def test_no_value_of_any_field_is_an_error_and_what_is_an_upload_can_be_said_again(
    field: str, value: Any
) -> None:
    record = decoded(**{field: value})
    if isinstance(record, wire.Uploaded):
        assert wire.decode(wire.encode(record.upload), {}) == (record,)
