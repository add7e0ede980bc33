"""Emitters: told by what they say of themselves, and read as they mean it."""

import json
import struct
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import wire
from schemas.uploads import Position
from schemas.wire import emitters
from schemas.wire.emitters import Emitter
from tests.unit.test_wire_s3 import record

START: Final = datetime(2020, 1, 1, tzinfo=UTC)
MOMENTS: Final = st.datetimes(datetime(2020, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis takes naive bounds


def of_ceph(at: datetime, *, endian: str = "<", **changes: Any) -> dict[str, Any]:
    """What Ceph says of a PUT at that moment."""
    memory = struct.pack(f"{endian}II", int(at.timestamp()), at.microsecond * 1_000)
    said = {"object_versionId": "", "object_sequencer": memory.hex().upper(), "eventSource": "ceph:s3"}
    return record(eventTime=at.isoformat(), **(said | changes))


def position(said: object) -> Position:
    (answer,) = wire.decode(json.dumps({"Records": [said]}).encode(), {})
    assert isinstance(answer, wire.Uploaded | wire.Removed)
    event = answer.removal if isinstance(answer, wire.Removed) else answer.upload
    return Position.of(event, ("t", 0, 0), answer.sequencer)


@given(
    moments=st.lists(MOMENTS, min_size=2, max_size=6, unique=True).map(sorted), endian=st.sampled_from("<>")
)
def test_cephs_events_are_in_the_order_of_their_moments(moments: list[datetime], endian: str) -> None:
    positions = [position(of_ceph(at, endian=endian)) for at in moments]
    assert all(one.precedes(other) and not other.precedes(one) for one, other in pairwise(positions))


@given(at=MOMENTS, later=st.timedeltas(timedelta(seconds=1), timedelta(days=900)))
def test_cephs_deletion_follows_what_an_earlier_version_kept_as_it_came(
    at: datetime, later: timedelta
) -> None:
    raw = struct.pack("<II", int(at.timestamp()), at.microsecond * 1_000).hex().upper()
    kept = Position(uploaded_at=at, partition=0, offset=0, event_id="kept", sequencer=raw)
    assert kept.precedes(position(of_ceph(at + later, eventName="ObjectRemoved:Delete")))


@given(sequencer=st.text("0123456789ABCDEFabcdef", min_size=1, max_size=20))
def test_no_sequencer_of_cephs_is_an_error(sequencer: str) -> None:
    assert wire.decode(json.dumps({"Records": [of_ceph(START, object_sequencer=sequencer)]}).encode(), {})


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"eventSource": "aws:s3"}, "AWS S3"),
        ({"eventSource": ""}, "AWS S3"),
        ({"eventSource": "minio:s3"}, "MinIO"),
        ({"eventSource": "ceph:s3"}, "Ceph RGW"),
        ({"eventSource": "aws:s3", "eventId": "1", "opaqueData": ""}, "Ceph RGW"),
        ({"eventSource": "aws:s3", "userIdentity": {"PrincipalId": "u"}}, "versitygw"),
        ({"eventSource": "rustfs:s3"}, "RustFS"),
        ({"eventSource": "cubefs:s3"}, "CubeFS"),
        ({"eventSource": "sgws:s3"}, "StorageGRID"),
        ({"eventSource": "scality:s3"}, "Scality"),
        ({"eventSource": "noobaa:s3"}, "NooBaa"),
        ({"eventSource": "larder:s3"}, "NooBaa"),
        ({"eventSource": "larder:s3", "awsRegion": "eu"}, "AWS S3"),
        ({"eventSource": None}, "AWS S3"),
    ],
)
def test_an_emitter_is_told_by_what_it_says_of_itself(changes: dict[str, Any], name: str) -> None:
    assert emitters.of_record(record(**changes)).name == name


@pytest.mark.parametrize("emitter", emitters.ALL, ids=lambda each: each.name)
def test_every_emitter_says_where_it_was_looked_up_and_what_to_do_where_it_is_refused(
    emitter: Emitter,
) -> None:
    assert "/" in emitter.looked_up
    assert emitter.told_by
    assert bool(emitter.order_in_words) != bool(emitter.refused)


def test_the_same_fact_by_eventbridge_and_by_a_notification_is_one_event() -> None:
    detail = {
        "bucket": {"name": "photos"},
        "object": {"key": "r1/a.jpg", "size": 7, "etag": "abc", "version-id": "v1", "sequencer": "0A1B"},
        "reason": "PutObject",
    }
    event = {
        "detail-type": "Object Created",
        "source": "aws.s3",
        "time": "2026-03-14T18:25:43Z",
        "detail": detail,
    }
    bridged = wire.decode(json.dumps(event).encode(), {})
    notified = wire.decode(json.dumps({"Records": [record(eventTime="2026-03-14T18:25:43Z")]}).encode(), {})
    assert bridged == notified
    assert isinstance(bridged[0], wire.Uploaded)


JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=4,
)
NAMES: Final = (
    *("Type", "Message", "TopicArn", "Body", "MessageId", "ReceiptHandle", "Messages", "Sns"),
    *("Records", "s3", "eventName", "eventSource", "eventVersion", "opaqueData", "eventId"),
    *("detail", "detail-type", "source", "schema", "payload", "op", "before", "after", "type"),
    *("eventType", "bucketId", "objectId", "objectGeneration", "eventTime", "attributes", "kind"),
    *("message", "subscription", "data", "account", "action", "bucket", "object", "events"),
    *("event_type", "key", "eventNotification", "location", "specversion", "removed_at", "content_type"),
)
BODIES: Final = st.recursive(
    st.dictionaries(st.sampled_from(NAMES), JSON, max_size=6),
    lambda inner: (
        st.dictionaries(st.sampled_from(NAMES), inner | inner.map(json.dumps) | JSON, max_size=4)
        | st.lists(inner, max_size=3)
    ),
    max_leaves=6,
)


@given(body=BODIES, headers=st.dictionaries(st.sampled_from(NAMES), st.binary(max_size=9), max_size=4))
def test_no_mixture_of_the_names_of_all_shapes_is_an_error(body: object, headers: dict[str, bytes]) -> None:
    raw = json.dumps(body).encode()
    for record_ in wire.decode(raw, headers):
        assert isinstance(record_, wire.Record)
        alone = getattr(record_, "alone", None)
        assert alone is None or wire.decode(alone, headers)
    assert wire.decode_decision(raw, headers)
    assert wire.decode_rescore(raw, headers)
