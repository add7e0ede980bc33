"""CloudEvents that are less than well made, and the ids and traces that good ones give."""

import json
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import wire
from schemas.contract import examples
from schemas.uploads import ImageRemoved
from schemas.wire import cloudevents
from schemas.wire.record_types import MAX_RECORDS

DATA: Final[dict[str, Any]] = {"location": {"bucket": "photos", "key": "r1/a.jpg"}}
HEADERS: Final = {
    "ce_specversion": b"1.0",
    "ce_id": b"1",
    "ce_source": b"/apps/uploader",
    "ce_type": b"photo.uploaded",
    "ce_time": b"2026-03-14T18:25:43Z",
}
TRACE: Final = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def binary(data: object = DATA, **changes: bytes) -> wire.Record:
    (record,) = wire.decode(json.dumps(data).encode(), HEADERS | changes)
    return record


def structured(data: object = DATA, **changes: object) -> wire.Record:
    said = {name.removeprefix("ce_"): value.decode() for name, value in HEADERS.items()}
    (record,) = wire.decode(json.dumps(said | {"data": data} | changes).encode(), {})
    return record


def cause(record: wire.Record) -> str:
    assert isinstance(record, wire.Invalid)
    return str(record.error)


def test_both_modes_say_the_same_event() -> None:
    assert binary() == structured()
    assert isinstance(binary(), wire.Uploaded)


def test_another_id_or_another_source_is_another_event() -> None:
    records = [binary(), binary(ce_id=b"2"), binary(ce_source=b"/apps/other")]
    assert len({each.upload.event_id for each in records if isinstance(each, wire.Uploaded)}) == 3


def test_a_type_in_the_data_outranks_the_cloudevents() -> None:
    assert isinstance(binary({"type": "ImageUploaded"} | DATA, ce_type=b"photo.removed"), wire.Uploaded)
    assert isinstance(binary({"type": "ImageRemoved"} | DATA), wire.Removed)


@pytest.mark.parametrize(
    ("said", "removed"),
    [
        (b"photo.removed", True),
        (b"com.example.PhotoRemoved", True),
        (b"tagstream.photos.removed.v1", True),
        (b"photo.removed.by.mistake", False),
        (b"removed.photo.restored", False),
    ],
)
def test_a_type_that_ends_in_removed_is_a_removal_whatever_its_version(said: bytes, *, removed: bool) -> None:
    assert isinstance(binary(ce_type=said), wire.Removed) == removed


def test_our_own_removal_is_one_under_our_own_headers() -> None:
    example = examples.EXAMPLES[ImageRemoved]
    assert isinstance(example, ImageRemoved)
    headers = dict(cloudevents.headers(example, source="/tagstream", now=example.removed_at))
    assert wire.decode(wire.encode(example), headers) == (wire.Removed(example),)


@pytest.mark.parametrize("name", ["ce_id", "ce_source", "ce_type"])
def test_an_attribute_that_is_empty_or_not_text_is_named(name: str) -> None:
    attribute = name.removeprefix("ce_")
    assert attribute in cause(binary(**{name: b""}))
    assert name in cause(binary(**{name: b"\xff"}))
    assert attribute in cause(structured(**{attribute: 7}))


def test_an_attribute_without_a_value_is_missing() -> None:
    headers: dict[str, Any] = HEADERS | {"ce_id": None}
    (record,) = wire.decode(json.dumps(DATA).encode(), headers)
    assert cause(record) == "a CloudEvent without id"


@pytest.mark.parametrize("version", [b"0.3", b"1.1", b"", b"\xff"])
def test_a_version_other_than_the_supported_one_is_spoiled(version: bytes) -> None:
    assert "specversion" in cause(binary(ce_specversion=version))


@pytest.mark.parametrize(
    "value", [b"application/json", b"text/json", b"application/vnd.x+json; charset=utf-8"]
)
def test_data_of_any_json_type_is_read(value: bytes) -> None:
    assert isinstance(binary(**{"content-type": value}), wire.Uploaded)
    assert isinstance(structured(datacontenttype=value.decode()), wire.Uploaded)


@pytest.mark.parametrize("value", ["application/xml", "json", "application/jsonp", "", 7])
def test_data_of_any_other_type_is_spoiled(value: object) -> None:
    assert "datacontenttype" in cause(structured(datacontenttype=value))


def test_a_content_type_without_a_cloudevent_is_none_of_our_business() -> None:
    raw = json.dumps(DATA | {"uploaded_at": "2026-01-01T00:00:00Z"}).encode()
    (record,) = wire.decode(raw, {"Content-Type": b"text/plain"})
    assert isinstance(record, wire.Uploaded)


def test_a_header_that_says_structured_holds_a_body_to_it() -> None:
    raw = json.dumps(DATA | {"uploaded_at": "2026-01-01T00:00:00Z"}).encode()
    (record,) = wire.decode(raw, {"Content-Type": b"application/cloudevents+json"})
    assert "CloudEvent" in cause(record)


@pytest.mark.parametrize("data", [None, 7, "photo", [], [DATA]])
def test_data_that_is_no_object_is_spoiled(data: object) -> None:
    assert isinstance(structured(data), wire.Invalid)
    assert isinstance(binary(data), wire.Invalid)


def test_data_and_data_base64_at_once_are_spoiled() -> None:
    assert cause(structured(data_base64="e30=")) == "a CloudEvent has either data or data_base64"


def test_a_batch_beyond_the_cap_is_spoiled_as_one() -> None:
    (record,) = wire.decode(json.dumps([{"specversion": "1.0"}] * (MAX_RECORDS + 1)).encode(), {})
    assert cause(record) == "a batch: 1,001 of them; at most 1,000 are taken"


ANY: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
NAMES: Final = ("specversion", "id", "source", "type", "time", "data", "datacontenttype", "data_base64")


@given(name=st.sampled_from(NAMES), value=ANY)
def test_no_value_of_any_attribute_is_an_error(name: str, value: object) -> None:
    assert structured(**{name: value})


@given(raw=st.binary(), headers=st.dictionaries(st.sampled_from((*HEADERS, "content-type")), st.binary()))
def test_no_bytes_under_any_headers_are_an_error(raw: bytes, headers: dict[str, bytes]) -> None:
    assert wire.decode(raw, headers)
    assert wire.decode_decision(raw, headers)
    assert wire.decode_rescore(raw, headers)
    assert wire.traceparent(headers, raw) is None


@pytest.mark.parametrize("name", ["traceparent", "ce_traceparent"])
def test_the_trace_of_a_message_is_told(name: str) -> None:
    assert wire.traceparent({name: TRACE.encode()}) == TRACE


def test_the_trace_of_a_structured_event_is_in_its_body() -> None:
    headers = {"content-type": b"application/cloudevents+json; charset=utf-8"}
    assert wire.traceparent(headers, json.dumps({"traceparent": TRACE}).encode()) == TRACE
    assert wire.traceparent({}, json.dumps({"traceparent": TRACE}).encode()) is None


@pytest.mark.parametrize("raw", [None, b"", b"[]", b"{", b'{"traceparent": 7}', b'{"traceparent": "00"}'])
def test_a_structured_event_without_a_valid_trace_has_none(raw: bytes | None) -> None:
    assert wire.traceparent({"content-type": b"application/cloudevents+json"}, raw) is None


def test_the_transports_own_trace_comes_first() -> None:
    other = TRACE.replace("4bf9", "0000")
    assert wire.traceparent({"ce_traceparent": other.encode(), "traceparent": TRACE.encode()}) == TRACE


def test_a_trace_that_is_not_valid_leaves_the_other() -> None:
    assert wire.traceparent({"ce_traceparent": TRACE.encode(), "traceparent": b"00-1-2-3"}) == TRACE


def test_what_a_later_version_of_the_format_appends_is_left_out() -> None:
    assert wire.traceparent({"traceparent": f"01{TRACE[2:]}-more".encode()}) == f"01{TRACE[2:]}"


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"\xff" * 55,
        TRACE.upper().encode(),
        TRACE.encode() + b"-more",
        TRACE.encode() + b"\nx",
        b"ff" + TRACE[2:].encode(),
        TRACE.replace("4bf92f3577b34da6a3ce929d0e0e4736", "0" * 32).encode(),
        TRACE.replace("00f067aa0ba902b7", "0" * 16).encode(),
        TRACE[:-1].encode(),
    ],
)
def test_a_trace_of_any_other_form_is_none(value: bytes) -> None:
    assert wire.traceparent({"traceparent": value}) is None


def test_a_message_without_a_trace_has_none() -> None:
    assert wire.traceparent({}) is None
