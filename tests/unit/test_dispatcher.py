"""Which handler a message belongs to, and when a deferred one is worked on."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from agents.opened_components import Components
from agents.telemetry.masking import Mask
from agents.wiring.handlers import build_dispatcher
from schemas import topics
from schemas.errors import Unavailable
from schemas.naming import Naming
from schemas.records import State
from schemas.uploads import Location
from schemas.wire.headers import PREFIX
from streams.inflight import Urgency
from streams.message import Message
from streams.resilience.rejection_alarm import RejectionAlarms, RejectionLimits
from streams.resilience.retry import Dependencies

from .straight_path import (
    IMPATIENT,
    SpokenTagger,
    World,
    decision_message,
    message_of,
    rescore_message,
    s3_message,
    upload_of,
)

UPLOAD = upload_of()
HOUR = timedelta(hours=1)


@pytest.fixture
async def world() -> World:
    """Its photograph was tagged by version 1."""
    world = World()
    await world.tag(UPLOAD, "menu=0.9", offset=4)
    return world


def deferred(message: Message, *, due: datetime | None = None) -> Message:
    """The message as it comes from the retry topic."""
    first = dict(zip(("topic", "partition", "offset"), map(str, message.source), strict=True))
    if due:
        first["due_at"] = due.isoformat()
    headers = tuple((PREFIX + name, said.encode()) for name, said in first.items())
    return replace(message, topic=topics.RETRY, partition=1, offset=99, headers=headers)


async def test_a_deferred_upload_keeps_the_place_of_its_first_publication() -> None:
    world = World()
    await world.put(UPLOAD, "food=0.9")
    await world.deliver(deferred(message_of(UPLOAD, offset=4)))
    assert (await world.head_of(UPLOAD)).position.place == (3, 4)


async def test_a_deferred_decision_is_decided_at_the_place_of_its_first_publication(world: World) -> None:
    await world.deliver(deferred(decision_message(UPLOAD.image_id, "approve", minute=9, offset=6)))
    head = await world.head_of(UPLOAD)
    assert head.decision
    assert (head.state, head.decision.partition, head.decision.offset) == (State.VISIBLE, 0, 6)


async def test_a_deferred_rescore_goes_back_to_the_replay_lane(world: World) -> None:
    world.tagger = SpokenTagger(world.faults, version="2")
    message = deferred(rescore_message(UPLOAD, version="2"))
    assert world.desk().handle(message).urgency is Urgency.BACKGROUND
    await world.deliver(message)
    assert world.counted("rescored") == 1


@pytest.mark.parametrize("origin", [None, "somebody.elses.topic"])
async def test_what_names_no_origin_that_we_read_is_taken_for_an_upload(origin: str | None) -> None:
    world = World()
    await world.put(UPLOAD, "food=0.9")
    message = message_of(UPLOAD)
    stray = deferred(replace(message, topic=origin)) if origin else replace(message, topic=topics.RETRY)
    await world.deliver(stray)
    assert world.counted("tagged") == 1


async def test_a_deferred_message_is_not_ready_before_it_is_due() -> None:
    due = datetime.now(UTC)
    desk = World().desk()
    assert not desk.handle(deferred(message_of(UPLOAD), due=due + HOUR)).is_ready()
    assert desk.handle(deferred(message_of(UPLOAD), due=due - HOUR)).is_ready()
    assert desk.handle(deferred(message_of(UPLOAD))).is_ready()


async def test_a_deferred_message_becomes_ready_while_it_waits() -> None:
    task = (
        World().desk().handle(deferred(message_of(UPLOAD), due=datetime.now(UTC) + timedelta(seconds=0.05)))
    )
    async with asyncio.timeout(10):
        while not task.is_ready():
            await asyncio.sleep(0.01)


async def test_a_due_rescore_still_waits_for_its_model() -> None:
    message = deferred(rescore_message(UPLOAD, version="3"), due=datetime.now(UTC) - HOUR)
    assert not World().desk().handle(message).is_ready()


async def test_a_due_time_that_a_producer_wrote_holds_up_nothing() -> None:
    later = deferred(message_of(UPLOAD), due=datetime.now(UTC) + HOUR)
    assert World().desk().handle(replace(later, topic=topics.UPLOADED)).is_ready()


async def test_an_image_that_a_producer_wrote_into_a_header_hides_no_record() -> None:
    world = World()
    await world.put(UPLOAD, "food=0.9")
    header = (f"{PREFIX}image_id", b"img_of_somebody_else")
    await world.deliver(replace(message_of(UPLOAD), headers=(header,)))
    assert world.counted("tagged") == 1


async def test_keys_are_read_as_the_naming_says() -> None:
    world = World()
    await world.images.put(Location(bucket="photos", key="r7/a.jpg"), b"ambiance=0.9")
    parts = Components(images=world.images, scores=world.scores, tags=world.tags, tagger=world.tagger)
    naming = Naming(key_pattern="(?P<restaurant>[^/]+)/")
    desk = build_dispatcher(
        parts, Dependencies(IMPATIENT), world.limits, metrics=world.metrics, naming=naming
    )
    await desk.handle(s3_message("ObjectCreated:Put", "r7/a.jpg", minute=1, sequencer="A")).work()
    assert [said.key for said in world.tags.on(topics.AMBIANCE)] == ["r7"]


async def test_what_the_filter_leaves_out_is_counted_and_never_fetched() -> None:
    world = World()
    parts = Components(images=world.images, scores=world.scores, tags=world.tags, tagger=world.tagger)
    naming = Naming(only_keys=("*.jpg",))
    desk = build_dispatcher(
        parts, Dependencies(IMPATIENT), world.limits, metrics=world.metrics, naming=naming
    )
    await desk.handle(s3_message("ObjectCreated:Put", "r7/a.jpg.json", minute=1, sequencer="A")).work()
    await desk.handle(s3_message("ObjectAcl:Put", "r7/a.jpg", minute=2, sequencer="B")).work()
    assert (world.counted("filtered"), world.counted("ignored")) == (1, 1)
    assert world.images.fetched == []


async def test_an_alarm_that_is_handed_in_is_the_one_that_guards() -> None:
    world, alarms = World(), RejectionAlarms(RejectionLimits(share=0.001, minimum=1))
    parts = Components(images=world.images, scores=world.scores, tags=world.tags, tagger=world.tagger)
    desk = build_dispatcher(
        parts, Dependencies(IMPATIENT), world.limits, metrics=world.metrics, alarms=alarms
    )
    await desk.handle(Message(topics.UPLOADED, 0, 0, None, b"?")).work()
    assert set(alarms.alarms()) == {"malformed"}


async def test_a_dead_letter_s_cause_loses_its_secrets_and_its_message_nothing() -> None:
    world = World()
    parts = Components(images=world.images, scores=world.scores, tags=world.tags, tagger=world.tagger)
    hide = Mask(["canary-of-mongo"]).hide
    desk = build_dispatcher(parts, Dependencies(IMPATIENT), world.limits, metrics=world.metrics, hide=hide)
    value = json.dumps(
        {"location": {"bucket": "canary-of-mongo", "key": "a"}, "uploaded_at": "2026-01-01"}
    ).encode()
    await desk.handle(Message(topics.UPLOADED, 0, 0, None, value)).work()
    (letter,) = world.tags.buried
    assert "bucket '**********' is not on the allow-list" in letter.message
    assert letter.value == value


MESSAGES = (
    message_of(UPLOAD, offset=5),
    decision_message(UPLOAD.image_id, "approve", minute=9),
    rescore_message(UPLOAD, version="2"),
)
BY_TOPIC = pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.topic)


@BY_TOPIC
async def test_the_trace_of_a_message_is_that_of_all_it_announces(world: World, message: Message) -> None:
    told, trace = len(world.tags.announced), f"00-{1:032x}-{1:016x}-01"
    world.tagger = SpokenTagger(world.faults, version="2")
    await world.deliver(replace(message, headers=(("traceparent", trace.encode()),)))
    assert {said.traceparent for said in world.tags.announced[told:]} == {trace}


@BY_TOPIC
@pytest.mark.parametrize(
    "boundary", [("head", "before"), ("keep", "before"), ("mark", "before")], ids="/".join
)
async def test_a_store_that_is_away_is_waited_for(
    world: World, message: Message, boundary: tuple[str, str]
) -> None:
    world.tagger = SpokenTagger(world.faults, version="2")
    world.faults.boundary, world.faults.error = boundary, Unavailable("store")
    await world.deliver(message)
    assert (await world.head_of(UPLOAD)).is_announced


@BY_TOPIC
async def test_a_spoiled_message_shares_its_order_with_nothing(message: Message) -> None:
    desk, spoiled = World().desk(), replace(message, value=b"?")
    first, second = (desk.handle(replace(spoiled, offset=offset)).keys for offset in (1, 2))
    assert not set(first) & set(second)
