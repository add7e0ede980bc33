"""Storage says that an image is gone: it is withdrawn everywhere, whoever hears of it first."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from schemas import topics, wire
from schemas.events import TagsHeld
from schemas.identity import image_id
from schemas.records import ImageHead, State
from schemas.uploads import ImageRemoved
from streams.adapters.memory import AwayImages, MemoryScores
from streams.message import Message

from .straight_path import (
    BOUNDARIES,
    EPOCH,
    HALFWAY,
    LIMITS,
    Crash,
    Faults,
    World,
    message_of,
    raw_message,
    s3_message,
    upload_of,
)

KEY = "r1/a.jpg"
IMAGE = image_id("photos", KEY)
CREATED, REMOVED = "ObjectCreated:Put", "ObjectRemoved:Delete"


async def head_of(world: World) -> ImageHead:
    head = await MemoryScores.head(world.scores, IMAGE)
    assert head is not None
    return head


async def a_tagged_photograph(world: World, seen: str = "ambiance=0.9") -> None:
    upload = upload_of(KEY)
    await world.images.put(upload.location.model_copy(update={"version": None}), seen.encode())
    await world.tag(upload, seen)


async def test_a_removed_image_leaves_its_collection_and_the_latest_tags() -> None:
    world = World()
    await a_tagged_photograph(world)
    await world.deliver(s3_message(REMOVED, KEY, minute=5, sequencer="B", offset=1))
    assert world.said == [(topics.AMBIANCE, "ambiance", "added"), (topics.AMBIANCE, "ambiance", "removed")]
    assert world.tags.on(topics.LATEST)[-1].event is None
    assert (await head_of(world)).state is State.DELETED
    assert world.counted("removed") == 1


async def test_a_removed_image_needs_no_moderator_any_more() -> None:
    world = World()
    await a_tagged_photograph(world, "menu=0.9")
    await world.deliver(s3_message(REMOVED, KEY, minute=5, sequencer="B", offset=1))
    assert world.said[-1] == (topics.MODERATION, "menu", "removed")


async def test_its_scores_stay_as_history() -> None:
    world = World()
    await a_tagged_photograph(world)
    await world.deliver(s3_message(REMOVED, KEY, minute=5, sequencer="B", offset=1))
    assert len(await world.scores.records(IMAGE)) == 1


async def test_a_removal_that_overtakes_its_upload_wins() -> None:
    world = World()
    await world.deliver(s3_message(REMOVED, KEY, minute=5, sequencer="B", offset=1))
    await world.deliver(s3_message(CREATED, KEY, minute=4, sequencer="A", offset=2))
    assert (await head_of(world)).state is State.DELETED
    assert world.tags.on(topics.TAGGED) == []
    assert world.images.fetched == []


async def test_an_upload_after_the_removal_is_tagged_again() -> None:
    world = World()
    await a_tagged_photograph(world)
    await world.deliver(s3_message(REMOVED, KEY, minute=5, sequencer="B", offset=1))
    await world.deliver(s3_message(CREATED, KEY, minute=6, sequencer="C", offset=2))
    assert (await head_of(world)).state is State.VISIBLE
    assert world.said[-1] == (topics.AMBIANCE, "ambiance", "added") or world.said[-1][0] != topics.AMBIANCE


async def test_the_removal_of_one_version_removes_nothing_while_something_stands_at_its_key() -> None:
    world = World()
    await a_tagged_photograph(world)
    message = s3_message(REMOVED, KEY, minute=5, sequencer="B", offset=1, version="v-old")
    await world.deliver(message)
    assert (await head_of(world)).state is State.VISIBLE
    assert world.counted("ignored") == 1
    world.images.objects.clear()
    await world.deliver(message)
    assert (await head_of(world)).state is State.DELETED


@pytest.mark.parametrize(
    "boundary", [b for b in (*BOUNDARIES, HALFWAY) if b[0] in {"head", "announce", "mark"}], ids="/".join
)
async def test_a_worker_killed_while_it_withdraws_withdraws_the_same_again(boundary: tuple[str, str]) -> None:
    calm, faulted = World(), World(Faults())
    removal = s3_message(REMOVED, KEY, minute=5, sequencer="B", offset=1)
    for world in (calm, faulted):
        await a_tagged_photograph(world)
    await calm.deliver(removal)
    faulted.faults.boundary = boundary
    with pytest.raises(Crash):
        await faulted.deliver(removal)
    await faulted.deliver(removal)
    assert await head_of(faulted) == await head_of(calm)
    assert faulted.event_ids == calm.event_ids
    assert faulted.tags.on(topics.LATEST)[-1].event is None


async def test_a_put_that_notifies_and_an_event_that_says_the_same_are_one_image_scored_once() -> None:
    world = World()
    upload = upload_of(KEY).model_copy(update={"event_id": "ours"})
    where = upload.location.model_copy(update={"version": None})
    await world.images.put(where, b"ambiance=0.9")
    await world.deliver(s3_message(CREATED, KEY, minute=0, sequencer="A"))
    assert world.tags.on(topics.AMBIANCE) == []  # nobody has said whose it is
    ours = upload.model_copy(update={"location": where})
    await world.deliver(message_of(ours, offset=1))
    assert [head.image_id for head in await world.scores.scan()] == [IMAGE]
    assert world.tagger.forwards == 1
    assert (await head_of(world)).restaurant_id == "r1"
    assert world.said == [(topics.AMBIANCE, "ambiance", "added")]


async def test_one_bad_record_of_a_notification_is_dead_lettered_alone() -> None:
    world = World()
    await a_tagged_photograph(world)
    await world.images.put(upload_of("r1/b.jpg").location.model_copy(update={"version": None}), b"food=0.9")
    records = [
        json.loads(s3_message(CREATED, key, minute=7, sequencer="D").value or b"")["Records"][0]
        for key in ("r1/gone.jpg", "r1/b.jpg")
    ]
    records.insert(1, {"eventName": CREATED, "s3": {}})
    await world.deliver(raw_message(json.dumps({"Records": records}).encode(), offset=9))
    assert {code for _, code in world.refused} == {"gone", "malformed"}
    assert image_id("photos", "r1/b.jpg") in {head.image_id for head in await world.scores.scan()}


async def test_a_notification_keeps_the_order_of_each_of_its_images() -> None:
    first = s3_message(CREATED, KEY, minute=1, sequencer="A")
    records = [
        json.loads(s3_message(CREATED, key, minute=7, sequencer="D").value or b"")["Records"][0]
        for key in (KEY, "r1/b.jpg")
    ]
    both = raw_message(json.dumps({"Records": records}).encode(), offset=9)
    desk = World().desk()
    assert desk.handle(first).keys == (IMAGE,)
    assert desk.handle(both).keys == (IMAGE, image_id("photos", "r1/b.jpg"))


@pytest.mark.parametrize("late", ["older", "newer"])
async def test_two_workers_that_hold_one_image_agree_whoever_ends_last(late: str) -> None:
    world = World()
    older = s3_message(CREATED, KEY, minute=1, sequencer="A", offset=1)
    newer = s3_message(CREATED, KEY, minute=2, sequencer="B", offset=2)
    await world.images.put(upload_of(KEY).location.model_copy(update={"version": None}), b"menu=0.9")
    for message in (newer, older) if late == "older" else (older, newer):
        await world.deliver(message)  # each is a worker of its own
    assert (await head_of(world)).position.sequencer == "B"
    latest = world.tags.on(topics.LATEST)[-1].event
    assert isinstance(latest, TagsHeld)
    assert latest.position.sequencer == "B"


async def test_the_removal_of_a_version_in_a_foreign_bucket_is_a_dead_letter() -> None:
    world = World()
    removal = s3_message(REMOVED, KEY, minute=5, sequencer="B", version="v-old")
    value = (removal.value or b"").replace(b'"photos"', b'"secrets"')
    await world.deliver(raw_message(value))
    assert {code for _, code in world.refused} == {"not_allowed"}


async def test_whether_something_stands_at_the_key_is_asked_until_the_storage_answers() -> None:
    world = World()
    world.images = images = AwayImages(LIMITS, times=3)
    await world.deliver(s3_message(REMOVED, KEY, minute=5, sequencer="B", version="v-old"))
    assert images.away.refused == 3
    assert (await head_of(world)).state is State.DELETED


async def test_a_removal_that_was_outranked_may_hold_after_all() -> None:
    world = World()
    where = {"bucket": "photos", "key": KEY}
    removal = ImageRemoved.model_validate({"location": where, "removed_at": EPOCH + timedelta(minutes=5)})
    await world.images.put(removal.location, b"ambiance=0.9")
    await world.deliver(
        s3_message(CREATED, KEY, minute=10, sequencer="1"),
        raw_message(wire.encode(removal), offset=1),
        s3_message(CREATED, KEY, minute=0, sequencer="2", offset=2),
    )
    head = await head_of(world)
    assert (head.state, head.position.event_id) == (State.DELETED, removal.event_id)


async def test_a_deferred_copy_of_a_notification_is_its_one_record_s_alone() -> None:
    world = World()
    await a_tagged_photograph(world)
    records = [
        json.loads(s3_message(CREATED, key, minute=7, sequencer="D").value or b"")["Records"][0]
        for key in ("r1/gone.jpg", KEY)
    ]
    records.append({"eventName": CREATED, "s3": {}})
    headers = (
        ("__connect.errors.topic", topics.UPLOADED.encode()),
        ("__connect.errors.image_id", IMAGE.encode()),
    )
    value = json.dumps({"Records": records}).encode()
    deferred = Message(topics.RETRY, 0, 4, key=None, value=value, headers=headers)
    assert world.desk().handle(deferred).keys == (IMAGE,)
    await world.deliver(deferred)
    assert world.tags.buried == []
