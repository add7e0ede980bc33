"""S3 notifications: what makes two of them one event, and what their keys and sequencers mean."""

import json
from itertools import pairwise
from typing import Any, Final
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import wire
from schemas.claims import Claim
from schemas.naming import Keys, Naming, compiled
from schemas.uploads import Position
from schemas.wire.decoding import PLAIN
from schemas.wire.record_types import MAX_RECORDS

KEYS: Final = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40).filter(
    lambda key: not key.endswith("/")
)


def record(**changes: Any) -> dict[str, Any]:
    """What AWS says of a PUT; `object_*` changes what it says of the object, `None` leaves a name out."""
    said = {"key": "r1/a.jpg", "size": 7, "eTag": "abc", "versionId": "v1", "sequencer": "0A1B"}
    said |= {name.removeprefix("object_"): value for name, value in changes.items() if "object_" in name}
    made = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventTime": "2026-03-14T18:25:43.511Z",
        "eventName": "ObjectCreated:Put",
        "userIdentity": {"principalId": "AWS:uploader"},
        "s3": {"bucket": {"name": changes.pop("bucket", "photos")}, "object": said},
    }
    return made | {name: value for name, value in changes.items() if "object_" not in name}


def of_gateway(key: str, *, count: int, at: str = "2026-03-14T18:25:43Z", **changes: Any) -> dict[str, Any]:
    """What versitygw says."""
    identity = {"PrincipalId": "gateway"}
    said = {"object_versionId": None, "object_sequencer": f"{count:X}", "userIdentity": identity}
    return record(object_key=key, eventTime=at, **(said | changes))


def decoded(*records: object, naming: Naming = PLAIN) -> tuple[wire.Record, ...]:
    return wire.decode(json.dumps({"Records": records}).encode(), {}, naming)


def uploaded(said: object, naming: Naming = PLAIN) -> wire.Uploaded:
    (answer,) = decoded(said, naming=naming)
    assert isinstance(answer, wire.Uploaded)
    return answer


def position(said: object) -> Position:
    answer = uploaded(said)
    place = {"partition": 0, "offset": 0, "sequencer": answer.sequencer}
    event = {"event_id": answer.upload.event_id, "uploaded_at": answer.upload.uploaded_at}
    return Position.model_validate(place | event)


@pytest.mark.parametrize(
    "changes",
    [
        {"bucket": "others"},
        {"object_key": "r1/b.jpg"},
        {"object_versionId": "v2"},
        {"object_eTag": "def"},
        {"object_sequencer": "0A1C"},
        {"eventName": "ObjectCreated:Copy"},
    ],
)
def test_another_fact_is_another_event(changes: dict[str, Any]) -> None:
    assert uploaded(record(**changes)).upload.event_id != uploaded(record()).upload.event_id


@pytest.mark.parametrize(
    "changes",
    [
        {"requestParameters": {"sourceIPAddress": "203.0.113.7"}},
        {"object_eTag": '"abc"'},
        {"eventName": "s3:ObjectCreated:Put"},
        {"object_key": "r1%2Fa.jpg"},
        {"aFieldOfTomorrow": 1},
    ],
)
def test_the_same_fact_said_otherwise_is_the_same_event(changes: dict[str, Any]) -> None:
    assert uploaded(record(**changes)).upload.event_id == uploaded(record()).upload.event_id


def test_the_id_of_an_event_outlives_a_release() -> None:
    assert uploaded(record()).upload.event_id == "0cea7bd2-05a2-50b5-8d8b-3a6ccdab99a6"


def test_without_a_sequencer_its_time_tells_an_event_from_another() -> None:
    one = record(object_sequencer=None)
    other = one | {"eventTime": "2026-03-14T18:25:44Z"}
    assert uploaded(one).upload.event_id != uploaded(other).upload.event_id


@given(key=KEYS)
def test_a_key_that_was_encoded_is_read_back(key: str) -> None:
    for naming in (PLAIN, Naming(keys=Keys.ENCODED)):
        assert uploaded(record(object_key=quote_plus(key)), naming).upload.location.key == key


@given(key=KEYS)
def test_a_raw_key_of_the_gateway_stays_as_it_is(key: str) -> None:
    assert uploaded(of_gateway(key, count=1)).upload.location.key == key


@given(key=KEYS)
def test_a_raw_key_stays_as_it_is_where_the_setting_says_so(key: str) -> None:
    assert uploaded(record(object_key=key), Naming(keys=Keys.RAW)).upload.location.key == key


@given(counts=st.lists(st.integers(1, 2**33), min_size=2, max_size=10, unique=True).map(sorted))
def test_the_gateways_events_of_one_second_are_in_the_order_of_its_count(counts: list[int]) -> None:
    positions = [position(of_gateway("a.jpg", count=count)) for count in counts]
    assert all(one.precedes(other) for one, other in pairwise(positions))


def test_a_gateway_that_starts_anew_does_not_speak_of_the_past() -> None:
    before = position(of_gateway("a.jpg", count=4096))
    after = position(of_gateway("a.jpg", count=1, at="2026-03-14T18:25:44Z"))
    assert before.precedes(after)


def test_a_storage_that_orders_its_events_speaks_with_the_voice_of_storage() -> None:
    for said in (record(), of_gateway("a.jpg", count=1)):
        assert position(said).sequencer


@pytest.mark.parametrize("sequencer", [None, "", "later", "0x1F", "-1", " 1F", "1" * 65, 31, ["1F"]])
def test_a_sequencer_that_is_not_hexadecimal_counts_as_absent(sequencer: object) -> None:
    assert uploaded(record(object_sequencer=sequencer)).sequencer is None


def test_a_bad_record_is_spoiled_alone_and_its_place_is_named() -> None:
    first, second, third = decoded(record(), record(object_key=7), record())
    assert isinstance(first, wire.Uploaded)
    assert isinstance(third, wire.Uploaded)
    assert isinstance(second, wire.Invalid)
    assert (
        str(second.error) == "AWS S3 notification: Records.1: s3.object.key: Input should be a valid string"
    )


@pytest.mark.parametrize("records", [None, "r", 7, {}])
def test_records_that_are_no_list_are_spoiled(records: object) -> None:
    (answer,) = wire.decode(json.dumps({"Records": records}).encode(), {})
    assert isinstance(answer, wire.Invalid)


def test_as_many_records_as_the_cap_are_taken_and_one_more_spoils_the_message() -> None:
    assert len(decoded(*[{}] * MAX_RECORDS)) == MAX_RECORDS
    (answer,) = decoded(*[{}] * (MAX_RECORDS + 1))
    assert isinstance(answer, wire.Invalid)
    assert str(answer.error) == "Records: 1,001 of them; at most 1,000 are taken"


def test_a_key_pattern_that_is_not_found_says_nothing() -> None:
    naming = Naming(key_pattern="^of/(?P<restaurant>[^/]+)/")
    assert uploaded(record(), naming).upload.restaurant_id is None


def test_a_group_that_is_empty_says_nothing() -> None:
    naming = Naming(key_pattern="^(?P<restaurant>x*)(?P<uploader>r1)?")
    upload = uploaded(record(), naming).upload
    assert (upload.restaurant_id, upload.uploader_id) == (None, "r1")


def test_a_key_pattern_reads_the_key_as_the_storage_knows_it() -> None:
    naming = Naming(key_pattern="^(?P<restaurant>[^/]+)/")
    assert uploaded(record(object_key="Caf%C3%A9+9%2Fa.jpg"), naming).upload.restaurant_id == "Café 9"


@pytest.mark.parametrize(
    ("pattern", "said"),
    [("(", "not a regular expression"), ("^(.*)/", "neither"), ("(?P<shop>.*)", "neither")],
)
def test_a_key_pattern_that_could_say_nothing_is_refused(pattern: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        compiled(pattern)


@given(
    path=st.lists(
        st.sampled_from(("s3", "object", "bucket", "key", "name", "size", "eventTime", "userIdentity")),
        min_size=1,
        max_size=3,
    ),
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=5,
    ),
)
def test_no_value_anywhere_in_a_record_is_an_error(path: list[str], value: object) -> None:
    said = record()
    holder: Any = said
    for name in path[:-1]:
        holder = holder[name] if isinstance(holder, dict) and isinstance(holder.get(name), dict) else holder
    holder[path[-1]] = value
    (answer,) = decoded(said)
    assert isinstance(answer, wire.Record)


def test_a_claim_of_a_notification_is_a_claim_of_its_event() -> None:
    answer = uploaded(record())
    assert Claim.of(answer.upload, position(record())).location == answer.upload.location
