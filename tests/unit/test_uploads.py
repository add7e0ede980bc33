"""Upload events, and the order of one image's events."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.uploads import ImageUploaded, Location, Position

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
TWO_HOURS_EAST = timezone(timedelta(hours=2))


def at(
    minute: int = 0, *, offset: int = 0, partition: int = 0, event: str = "", sequencer: str | None = None
) -> Position:
    return Position(
        uploaded_at=NOON + timedelta(minutes=minute),
        partition=partition,
        offset=offset,
        event_id=event or f"{minute}/{partition}/{offset}/{sequencer}",
        sequencer=sequencer,
    )


def _is_older(one: Position, other: Position) -> bool:
    return not one.is_same(other) and one.precedes(other)


POSITIONS = st.builds(
    at,
    st.integers(0, 2),
    offset=st.integers(0, 2),
    partition=st.integers(0, 1),
    event=st.sampled_from(("", "a", "b")),
    sequencer=st.none() | st.text("0AF", min_size=1, max_size=3),
)


@given(one=POSITIONS, other=POSITIONS)
def test_of_two_events_at_most_one_is_older(one: Position, other: Position) -> None:
    assert not (_is_older(one, other) and _is_older(other, one))


@given(one=POSITIONS, other=POSITIONS)
def test_of_two_different_events_at_different_places_exactly_one_is_older(
    one: Position, other: Position
) -> None:
    places = {(each.partition, each.offset) for each in (one, other)}
    if not one.is_same(other) and len(places) == 2:
        assert _is_older(one, other) or _is_older(other, one)


@given(position=POSITIONS, again=POSITIONS)
def test_an_event_is_never_older_than_itself_wherever_it_is_published_again(
    position: Position, again: Position
) -> None:
    same = again.model_copy(update={"event_id": position.event_id})
    assert position.is_same(same)
    assert not _is_older(position, same)


@given(
    positions=st.lists(POSITIONS.filter(lambda each: each.sequencer is None), min_size=3, max_size=3)
    | st.lists(POSITIONS.filter(lambda each: each.sequencer is not None), min_size=3, max_size=3)
)
def test_the_order_is_transitive_where_all_or_none_have_a_sequencer(positions: list[Position]) -> None:
    first, second, third = (
        each.model_copy(update={"event_id": str(place)}) for place, each in enumerate(positions)
    )
    if _is_older(first, second) and _is_older(second, third):
        assert _is_older(first, third)


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        (at(1, offset=9), at(2, offset=1)),
        (at(1, offset=1), at(1, offset=2)),
        (at(1, partition=0, offset=9), at(1, partition=1, offset=1)),
        (at(9, sequencer="0A"), at(1, sequencer="0B")),
        (at(1, offset=1, sequencer="0A"), at(2, offset=2)),
        (at(1, sequencer="0A"), at(2, sequencer="0A")),
    ],
    ids=["time", "offset", "partition", "sequencer before time", "one sequencer only", "equal sequencers"],
)
def test_the_order_of_two_events(older: Position, newer: Position) -> None:
    assert _is_older(older, newer)
    assert not _is_older(newer, older)


@pytest.mark.parametrize(
    ("older", "newer"), [("0055AED6", "0055AED6DC"), ("0055AED6DC", "0055AED7"), ("0A", "0B0")]
)
def test_a_shorter_sequencer_is_padded_on_its_right(older: str, newer: str) -> None:
    assert _is_older(at(9, sequencer=older), at(1, sequencer=newer))


def test_sequencers_that_differ_in_trailing_zeros_alone_are_equal() -> None:
    assert _is_older(at(1, sequencer="0A"), at(2, sequencer="0A00"))
    assert _is_older(at(1, sequencer="0A00"), at(2, sequencer="0A"))


@given(zone=st.timezones())
def test_the_same_moment_in_another_time_zone_is_neither_older_nor_newer(zone: object) -> None:
    assert isinstance(zone, timezone) or zone is not None
    elsewhere = Position.model_validate(at(0).model_dump() | {"uploaded_at": NOON.astimezone(zone)})  # type: ignore[arg-type]
    assert elsewhere == at(0)


def test_a_wall_clock_further_east_is_not_a_later_moment() -> None:
    east = datetime(2026, 1, 1, 13, tzinfo=TWO_HOURS_EAST)
    earlier = Position(uploaded_at=east, partition=0, offset=5, event_id="east")
    assert _is_older(earlier, at(0, offset=1))


def test_a_time_without_a_zone_is_taken_as_utc() -> None:
    upload = ImageUploaded.model_validate({"location": LOCATION, "uploaded_at": "2026-01-01T12:00:00"})
    assert upload.uploaded_at == NOON


LOCATION = {"bucket": "photos", "key": "r1/a.jpg"}


def test_a_position_survives_its_json() -> None:
    position = at(3, sequencer="0A")
    assert Position.model_validate_json(position.model_dump_json()) == position


@pytest.mark.parametrize(
    ("given", "content"),
    [({"version": "v", "etag": "e"}, "v"), ({"etag": "e"}, "e"), ({}, "-")],
)
def test_the_content_is_named_by_version_else_by_etag(given: dict[str, str], content: str) -> None:
    assert Location.model_validate(LOCATION | given).content_version == content


def test_a_location_reads_as_a_url() -> None:
    assert str(Location.model_validate(LOCATION)) == "s3://photos/r1/a.jpg"


def test_ids_that_a_producer_brings_are_kept() -> None:
    brought = {"location": LOCATION, "uploaded_at": NOON, "event_id": "e", "image_id": "i"}
    upload = ImageUploaded.model_validate(brought)
    assert (upload.event_id, upload.image_id) == ("e", "i")


def test_an_upload_is_frozen() -> None:
    upload = ImageUploaded.model_validate({"location": LOCATION, "uploaded_at": NOON})
    with pytest.raises(ValidationError):
        upload.restaurant_id = "r2"  # type: ignore[misc]
