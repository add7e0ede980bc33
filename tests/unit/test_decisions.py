"""A person's word on an image: it outranks the scores, and the world hears of it."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from schemas import topics
from schemas.events import ImageTagged, ModerationRequested, Reason, TagsHeld
from schemas.records import State
from streams.inflight import Urgency
from streams.message import Message
from streams.ports import BROKER, STORE

from .straight_path import (
    BOUNDARIES,
    HALFWAY,
    Crash,
    Faults,
    SpokenTagger,
    World,
    decision_message,
    message_of,
    rescore_message,
    upload_of,
)

UPLOAD = upload_of()


@pytest.fixture
async def world() -> World:
    world = World()
    await world.tag(UPLOAD, "menu=0.9 ambiance=0.9")
    return world


async def test_an_approved_image_leaves_the_queue_and_joins_its_collection(world: World) -> None:
    await world.deliver(decision_message(UPLOAD.image_id, "approve", minute=9))
    assert sorted(world.said[1:]) == [
        (topics.AMBIANCE, "ambiance", "added"),
        (topics.MODERATION, "menu", "removed"),
    ]
    assert (await world.head_of(UPLOAD)).state is State.VISIBLE
    assert world.counted("decided") == 1


async def test_the_removal_from_the_queue_names_who_decided(world: World) -> None:
    await world.deliver(decision_message(UPLOAD.image_id, "approve", minute=9))
    event = world.tags.on(topics.MODERATION)[-1].event
    assert isinstance(event, ModerationRequested)
    assert event.why.rule == "ann decided: approve"


async def test_a_correction_is_told_as_one(world: World) -> None:
    await world.deliver(decision_message(UPLOAD.image_id, "correct", minute=9, labels=["food"]))
    tagged, held = world.tags.on(topics.TAGGED)[-1].event, world.tags.on(topics.LATEST)[-1].event
    assert isinstance(tagged, ImageTagged)
    assert isinstance(held, TagsHeld)
    assert tagged.reason is Reason.CORRECTION
    assert [(tag.label, tag.source) for tag in held.tags] == [("food", "person")]
    assert held.decided_by == "ann"


async def test_a_decision_outlives_a_rescore_by_another_model(world: World) -> None:
    await world.deliver(decision_message(UPLOAD.image_id, "approve", minute=9))
    told = len(world.said)
    world.tagger = SpokenTagger(world.faults, version="2")
    await world.deliver(rescore_message(UPLOAD, version="2"))
    assert world.said[told:] == []
    assert (await world.head_of(UPLOAD)).state is State.VISIBLE


async def test_a_revoked_decision_puts_the_image_back_into_the_queue(world: World) -> None:
    await world.deliver(
        decision_message(UPLOAD.image_id, "approve", minute=9),
        decision_message(UPLOAD.image_id, "revoke", minute=10, offset=1),
    )
    assert world.said[-2:] in (
        [(topics.MODERATION, "menu", "added"), (topics.AMBIANCE, "ambiance", "removed")],
        [(topics.AMBIANCE, "ambiance", "removed"), (topics.MODERATION, "menu", "added")],
    )


async def test_a_decision_that_comes_late_changes_nothing(world: World) -> None:
    await world.deliver(decision_message(UPLOAD.image_id, "reject", minute=10))
    told = len(world.tags.announced)
    await world.deliver(decision_message(UPLOAD.image_id, "approve", minute=9, offset=1))
    assert len(world.tags.announced) == told
    assert (await world.head_of(UPLOAD)).state is State.HIDDEN
    assert world.counted("stale") == 1


async def test_a_decision_on_an_unknown_image_is_a_dead_letter(world: World) -> None:
    await world.deliver(decision_message("img_nobody", "approve", minute=9))
    assert world.refused == {("img_nobody", "unknown_image")}
    assert world.tags.buried[0].source[0] == topics.DECISIONS


async def test_a_spoiled_decision_is_a_dead_letter(world: World) -> None:
    await world.deliver(Message(topics.DECISIONS, 0, 0, key=None, value=b'{"image_id": "a"}'))
    assert world.refused == {(None, "malformed")}


async def test_the_time_from_flag_to_decision_is_measured(world: World) -> None:
    await world.deliver(decision_message(UPLOAD.image_id, "approve", minute=9))
    sample = world.metrics.registry.get_sample_value
    assert sample("tagstream_moderation_turnaround_seconds_sum") == 9 * 60
    await world.deliver(decision_message(UPLOAD.image_id, "approve", minute=9))
    assert sample("tagstream_moderation_turnaround_seconds_count") == 1


@pytest.mark.parametrize(
    "boundary", [b for b in (*BOUNDARIES, HALFWAY) if b[0] in {"head", "announce", "mark"}], ids="/".join
)
async def test_a_worker_killed_in_the_middle_of_a_decision_is_made_good_by_the_redelivery(
    boundary: tuple[str, str],
) -> None:
    calm, faulted = World(), World(Faults())
    decided = decision_message(UPLOAD.image_id, "approve", minute=9)
    for world in (calm, faulted):
        await world.tag(UPLOAD, "menu=0.9 ambiance=0.9")
    await calm.deliver(decided)
    faulted.faults.boundary = boundary
    with pytest.raises(Crash):
        await faulted.deliver(decided)
    await faulted.deliver(decided)
    assert await faulted.head_of(UPLOAD) == await calm.head_of(UPLOAD)
    assert faulted.event_ids == calm.event_ids


async def test_other_bytes_under_the_same_key_are_flagged_anew(world: World) -> None:
    await world.deliver(decision_message(UPLOAD.image_id, "approve", minute=9))
    again = upload_of(minute=20)
    await world.put(again, "menu=0.95")
    await world.deliver(message_of(again, offset=5))
    assert (
        world.said[-1] == (topics.MODERATION, "menu", "added")
        or (
            topics.MODERATION,
            "menu",
            "added",
        )
        in world.said[-2:]
    )
    assert (await world.head_of(UPLOAD)).state is State.HIDDEN


async def test_a_revocation_that_comes_twice_is_one_turn_of_the_moderators(world: World) -> None:
    revoked = decision_message(UPLOAD.image_id, "revoke", minute=10, offset=1)
    await world.deliver(decision_message(UPLOAD.image_id, "approve", minute=9), revoked, revoked)
    count = world.metrics.registry.get_sample_value("tagstream_moderation_turnaround_seconds_count")
    assert count == 1


async def test_a_moderator_whose_clock_is_behind_took_no_time_at_all(world: World) -> None:
    digest = (await world.head_of(UPLOAD)).digest
    await world.deliver(decision_message(UPLOAD.image_id, "approve", minute=-9, digest=digest))
    read = world.metrics.registry.get_sample_value
    assert read("tagstream_moderation_turnaround_seconds_sum") == 0
    assert read("tagstream_moderation_turnaround_seconds_count") == 1


@pytest.mark.parametrize(("minute", "said"), [(9, []), (-9, ["decision.outdated"])])
async def test_a_decision_on_bytes_that_are_no_more_is_said_in_the_log(
    world: World, minute: float, said: list[str]
) -> None:
    with capture_logs() as logs:
        await world.deliver(decision_message(UPLOAD.image_id, "approve", minute=minute))
    assert [line["event"] for line in logs if line["log_level"] == "warning"] == said


async def test_a_decision_waits_for_its_bytes_to_come_back_until_it_is_revoked(world: World) -> None:
    await world.deliver(decision_message(UPLOAD.image_id, "reject", minute=9))
    await world.tag(upload_of(minute=20), "food=0.9", offset=5)
    assert (await world.head_of(UPLOAD)).state is State.VISIBLE
    await world.tag(upload_of(minute=30), "menu=0.9 ambiance=0.9", offset=6)
    assert (await world.head_of(UPLOAD)).state is State.HIDDEN
    assert (topics.MODERATION, "menu", "removed") in world.said
    told = len(world.said)
    await world.deliver(decision_message(UPLOAD.image_id, "revoke", minute=40, offset=1))
    assert world.said[told:] == [(topics.MODERATION, "menu", "added")]


async def test_a_decision_is_urgent_and_needs_no_storage_of_images(world: World) -> None:
    task = world.desk().handle(decision_message(UPLOAD.image_id, "approve", minute=9))
    assert task.urgency is Urgency.URGENT
    assert task.needs == {STORE, BROKER}
