"""No time that a sender gives outranks what is true until then: it is held against the record's own."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.bounded_times import ClockLimits, refusal
from schemas import topics, wire
from schemas.uploads import ImageRemoved
from streams.message import Message

from .straight_path import (
    EPOCH,
    World,
    decision_message,
    message_of,
    raw_message,
    rescore_message,
    s3_message,
    upload_of,
)

HOUR = timedelta(hours=1)
LIMITS = ClockLimits(tolerance=600)
MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def a_strict_world() -> World:
    """It is EPOCH in it, and ten minutes are tolerated."""
    world = World()
    world.limits = replace(world.limits, clock=LIMITS)
    return world


def written(message: Message, when: datetime) -> Message:
    return replace(message, timestamp=when)


REMOVAL = ImageRemoved.model_validate(
    {"location": {"bucket": "photos", "key": "r1/a.jpg"}, "removed_at": EPOCH + HOUR}
)
CLOUD_EVENT = {
    "specversion": "1.0",
    "id": "e",
    "source": "/test",
    "type": "photo.uploaded",
    "time": (EPOCH + HOUR).isoformat(),
    "data": {"location": {"bucket": "photos", "key": "r1/a.jpg"}},
}

AHEAD = {
    "uploaded_at": message_of(upload_of(minute=60)),
    "removed_at": raw_message(wire.encode(REMOVAL)),
    "eventTime": s3_message("ObjectCreated:Put", "r1/a.jpg", minute=60, sequencer="A"),
    "time": raw_message(json.dumps(CLOUD_EVENT).encode()),
    "decided_at": decision_message(upload_of().image_id, "reject", minute=60),
    "claim.position.uploaded_at": rescore_message(upload_of(minute=60), version="1"),
}


@pytest.mark.parametrize("field", AHEAD)
async def test_a_time_ahead_of_the_record_is_a_letter_that_names_it(field: str) -> None:
    world = a_strict_world()
    await world.tag(upload_of(), "menu=0.9")
    before = await world.head_of(upload_of())
    await world.deliver(written(AHEAD[field], EPOCH))
    (letter,) = world.tags.buried
    assert (letter.image_id, letter.code) == (upload_of().image_id, "ahead_of_clock")
    for word in (field, (EPOCH + HOUR).isoformat(), EPOCH.isoformat(), "TAGSTREAM_CLOCK__TOLERANCE", "600"):
        assert word in letter.message
    assert await world.head_of(upload_of()) == before


async def test_a_request_to_rescore_of_another_day_is_a_letter() -> None:
    world = a_strict_world()
    await world.tag(upload_of(), "menu=0.9")
    message = rescore_message(upload_of(), version="1")
    value = json.loads(message.value or b"") | {"requested_at": "2099-01-01T00:00:00Z"}
    await world.deliver(replace(message, value=json.dumps(value).encode()))
    assert world.refused == {(upload_of().image_id, "ahead_of_clock")}
    assert "requested_at: 2099" in world.tags.buried[0].message


@pytest.mark.parametrize("minute", [-60, 0, 9, 10])
async def test_a_time_within_the_tolerance_is_taken(minute: int) -> None:
    world = a_strict_world()
    await world.put(upload_of(minute=minute), "menu=0.9")
    await world.deliver(written(message_of(upload_of(minute=minute)), EPOCH))
    assert world.refused == set()
    assert world.counted("tagged") == 1


async def test_a_letter_that_is_sent_back_once_its_time_has_come_is_taken() -> None:
    world = a_strict_world()
    message = written(message_of(upload_of(minute=20)), EPOCH)
    await world.put(upload_of(minute=20), "menu=0.9")
    await world.deliver(message)
    assert {code for _, code in world.refused} == {"ahead_of_clock"}
    later = EPOCH + timedelta(minutes=15)
    assert refusal("uploaded_at", EPOCH + timedelta(minutes=20), message, now=later, limits=LIMITS)
    again = written(message, later)
    assert refusal("uploaded_at", EPOCH + timedelta(minutes=20), again, now=later, limits=LIMITS) is None


async def test_a_record_of_no_time_is_held_against_the_worker_s() -> None:
    world = a_strict_world()
    await world.deliver(message_of(upload_of(minute=11)))
    assert {code for _, code in world.refused} == {"ahead_of_clock"}
    assert "has no time of its own" in world.tags.buried[0].message


async def test_a_producer_that_dates_its_record_too_is_held_against_the_worker_s_clock() -> None:
    world = a_strict_world()
    await world.deliver(written(message_of(upload_of(minute=60)), EPOCH + HOUR))
    assert {code for _, code in world.refused} == {"ahead_of_clock"}


async def test_of_a_notification_the_records_within_bounds_go_on() -> None:
    world = a_strict_world()
    await world.images.put(upload_of("r1/b.jpg").location.model_copy(update={"version": None}), b"food=0.9")
    notifications = (
        s3_message("ObjectCreated:Put", "r1/a.jpg", minute=60, sequencer="A"),
        s3_message("ObjectCreated:Put", "r1/b.jpg", minute=1, sequencer="B"),
    )
    records = [json.loads(each.value or b"")["Records"][0] for each in notifications]
    await world.deliver(raw_message(json.dumps({"Records": records}).encode()))
    assert world.refused == {(upload_of().image_id, "ahead_of_clock")}
    assert world.counted("tagged") == 1


@given(when=MOMENTS, record=MOMENTS | st.none(), now=MOMENTS, seconds=st.integers(0, 86_400))
def test_what_is_taken_is_ahead_of_neither_clock_by_more_than_is_tolerated(
    when: datetime, record: datetime | None, now: datetime, seconds: int
) -> None:
    message = Message(topics.UPLOADED, 0, 0, None, b"", (), record)
    refused = refusal("uploaded_at", when, message, now=now, limits=ClockLimits(tolerance=seconds))
    clocks = [now] if record is None else [now, record]
    assert (refused is None) == all(when - clock <= timedelta(seconds=seconds) for clock in clocks)
