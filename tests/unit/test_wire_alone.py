"""A record of several stands alone: as a message of its own it asks for what it asked for among them."""

import json
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import wire
from tests.unit.test_wire_s3 import of_gateway, record

CLOUDEVENT: Final[dict[str, Any]] = {
    "specversion": "1.0",
    "source": "/apps/uploader",
    "type": "photo.uploaded",
    "time": "2026-03-14T18:25:43Z",
}
BINARY: Final = {f"ce_{name}": value.encode() for name, value in (CLOUDEVENT | {"id": "7"}).items()}
STRUCTURED: Final = {"content-type": b"application/cloudevents+json"}
BATCH: Final = {"content-type": b"application/cloudevents-batch+json"}

TOO_DEEP: Final = "more than 12 envelopes"

RECORDS: Final = st.one_of(
    st.builds(
        record,
        object_key=st.text(min_size=1, max_size=9),
        object_sequencer=st.none() | st.sampled_from(("0A1B", "nothing", "1" * 70)),
        eventName=st.sampled_from(("ObjectCreated:Put", "ObjectRemoved:Delete", "ObjectAcl:Put", "", None)),
        eventTime=st.sampled_from(("2026-03-14T18:25:43.511Z", "soon", 1e400, None)),
        owner=st.none() | st.floats() | st.sampled_from(('Infinity "', "\ud83c\udf55", "\\")),
    ),
    st.builds(of_gateway, st.text(min_size=1, max_size=9), count=st.integers(1, 2**40)),
    st.none() | st.booleans() | st.text() | st.dictionaries(st.text(max_size=3), st.text(), max_size=2),
)


def event(number: int, data: object) -> dict[str, Any]:
    return CLOUDEVENT | {"id": str(number), "data": data}


def assert_each_stands_alone(body: object, headers: dict[str, bytes]) -> None:
    records = wire.decode(json.dumps(body).encode(), headers)
    for each in records:
        if not isinstance(each, wire.Ignored) and len(records) > 1:
            assert each.alone is not None
            (again,) = wire.decode(each.alone, headers)
            assert_same(again, each)


def assert_same(one: wire.Record, other: wire.Record) -> None:
    if isinstance(one, wire.Invalid):
        assert isinstance(other, wire.Invalid)
        return
    if isinstance(other, wire.Invalid) and TOO_DEEP in str(other.error):
        return  # alone it lies in fewer of them
    assert one == other
    assert getattr(one, "alone", None) is None


@given(records=st.lists(RECORDS, min_size=2, max_size=5))
def test_a_record_of_a_notification_stands_alone(records: list[object]) -> None:
    assert_each_stands_alone({"Records": records}, {})


@given(records=st.lists(RECORDS, min_size=2, max_size=5))
def test_a_record_of_a_notification_within_a_cloudevent_stands_alone(records: list[object]) -> None:
    assert_each_stands_alone({"Records": records}, BINARY)
    assert_each_stands_alone(event(7, {"Records": records}), STRUCTURED)
    assert_each_stands_alone(event(7, {"Records": records}), {})


DATA: Final = st.one_of(
    st.builds(lambda key: {"location": {"bucket": "photos", "key": key}}, st.text(min_size=1, max_size=9)),
    st.lists(RECORDS, max_size=3).map(lambda records: {"Records": records}),
    st.none() | st.text() | st.just({}),
)


@given(data=st.lists(DATA, min_size=2, max_size=4))
def test_an_event_of_a_batch_stands_alone(data: list[object]) -> None:
    batch = [event(number, each) for number, each in enumerate(data)]
    assert_each_stands_alone(batch, {})
    assert_each_stands_alone(batch, BATCH)


@given(rubbish=st.lists(st.none() | st.integers() | st.dictionaries(st.text(), st.none()), max_size=3))
def test_what_is_no_event_of_a_batch_is_spoiled_alone_too(rubbish: list[object]) -> None:
    good = event(1, {"location": {"bucket": "photos", "key": "a.jpg"}})
    assert_each_stands_alone([*rubbish, good, *rubbish], {})
    assert_each_stands_alone([*rubbish, good, *rubbish], BATCH)


OWN: Final = st.builds(
    lambda key, kind, when: {"location": {"bucket": "photos", "key": key}} | kind | when,
    st.text(min_size=1, max_size=9),
    st.sampled_from(({}, {"type": "ImageRemoved"}, {"type": "viewed"}, {"type": None})),
    st.sampled_from(({"uploaded_at": "2026-03-14T18:25:43Z"}, {"removed_at": "2026-03-14T18:25:43Z"}, {})),
)
WITHIN: Final = (
    lambda body: {"MessageId": "1", "ReceiptHandle": "2", "Body": json.dumps(body)},
    lambda body: {"Messages": [{"MessageId": "1", "Body": json.dumps(body)}]},
    lambda body: {"Type": "Notification", "TopicArn": "arn", "Message": json.dumps(body)},
    lambda body: {"schema": None, "payload": body},
    lambda body: {"id": "1", "type": "PhotoDeleted", "payload": json.dumps(body)},
    lambda body: {"op": "c", "after": {"type": "PhotoUploaded", "payload": json.dumps(body)}},
    lambda body: {"detail-type": "PhotoRemoved", "time": "2026-03-14T18:25:43Z", "detail": body},
    lambda body: {"Records": [{"messageId": "1", "body": json.dumps(body)}]},
    json.dumps,
)


@given(
    several=st.lists(RECORDS, min_size=2, max_size=4).map(lambda records: {"Records": records})
    | st.lists(OWN, min_size=2, max_size=4),
    around=st.lists(st.sampled_from(WITHIN), max_size=3),
)
def test_a_record_within_envelopes_stands_alone(several: object, around: list[Any]) -> None:
    for envelope in around:
        several = envelope(several)
    assert_each_stands_alone(several, {})
    assert_each_stands_alone(several, {"eventType": b"PhotoUploaded"})


def test_what_was_too_deep_among_others_may_be_read_alone() -> None:
    own = {"location": {"bucket": "photos", "key": "a.jpg"}, "uploaded_at": "2026-03-14T18:25:43Z"}
    body: object = [own, own]
    for _ in range(3):
        body = {"Messages": [{"MessageId": "1", "Body": json.dumps(body)}]}
    for each in wire.decode(json.dumps(body).encode(), {}):
        assert isinstance(each, wire.Invalid)
        assert TOO_DEEP in str(each.error)
        (again,) = wire.decode(each.alone, {})
        assert isinstance(again, wire.Uploaded)


@pytest.mark.parametrize("body", [{"Records": [record()]}, [event(1, {"Records": [record()]})]])
def test_a_record_that_is_the_message_is_not_said_twice(body: object) -> None:
    (only,) = wire.decode(json.dumps(body).encode(), {})
    assert isinstance(only, wire.Uploaded)
    assert only.alone is None


def test_the_event_ids_of_a_record_alone_are_those_it_had_in_its_message() -> None:
    both = wire.decode(json.dumps({"Records": [record(), record(object_key="b.jpg")]}).encode(), {})
    for each in both:
        assert isinstance(each, wire.Uploaded)
        (again,) = wire.decode(each.alone, {})
        assert isinstance(again, wire.Uploaded)
        assert again.upload.event_id == each.upload.event_id


def test_what_is_said_around_a_queues_messages_holds_for_each_among_them_and_alone() -> None:
    own = {"location": {"bucket": "photos", "key": "a.jpg"}, "removed_at": "2026-03-14T18:25:43Z"}
    queue = {"Records": [{"messageId": "1", "body": json.dumps([own, own])}]}
    outbox = {"id": "1", "type": "PhotoDeleted", "payload": json.dumps(queue)}
    assert [type(each) for each in wire.decode(json.dumps(outbox).encode(), {})] == [wire.Removed] * 2
    assert_each_stands_alone(outbox, {})
