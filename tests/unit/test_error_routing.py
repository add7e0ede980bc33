"""How messages end badly: dead letters, another try later, parking, and the alarm before too many of them."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from agents.dead_letters import Deferrals
from schemas import topics
from schemas.errors import Unavailable
from schemas.events import DeadLetter
from schemas.uploads import Location
from schemas.wire.headers import PREFIX
from streams.adapters.memory import MemoryImages
from streams.inflight import Urgency
from streams.message import Message
from streams.ports import Fetched
from streams.resilience.rejection_alarm import RejectionLimits

from .straight_path import LIMITS, World, message_of, raw_message, rescore_message, s3_message, upload_of

DELAY, MOST = 3600.0, 2
SPOILED = upload_of("r1/spoiled.jpg")


class SpoiledImages(MemoryImages):
    """A storage that refuses one object, and answers all others."""

    def __init__(self) -> None:
        super().__init__(LIMITS)
        self.refused = 0

    async def fetch(self, location: Location) -> Fetched:
        self._refuse(location)
        return await super().fetch(location)

    async def exists(self, location: Location) -> bool:
        self._refuse(location)
        return await super().exists(location)

    def _refuse(self, location: Location) -> None:
        if location.key == SPOILED.location.key:
            self.refused += 1
            raise Unavailable("s3")


@pytest.fixture
def world() -> World:
    world = World()
    world.images = SpoiledImages()
    world.limits = replace(world.limits, deferrals=Deferrals(attempts=4, delay=DELAY, most=MOST))
    return world


async def given_up(world: World, message: Message) -> DeadLetter:
    """The letter of `message`, worked on while the storage answers others."""
    desk = world.desk()
    work = asyncio.create_task(desk.handle(message).work())
    minute = 0
    async with asyncio.timeout(20):
        while not work.done():
            minute += 1
            answered = upload_of(minute=minute)
            await world.put(answered, "food=0.9")
            await desk.handle(message_of(answered, offset=minute)).work()
            await asyncio.sleep(0)
    await work
    (letter,) = world.tags.buried
    return letter


def retried(attempts: int, *, topic: str = topics.RETRY) -> Message:
    """The spoiled upload as it comes after so many deferrals."""
    first = {"topic": topics.UPLOADED, "partition": "3", "offset": "7", "attempts": str(attempts)}
    headers = tuple((PREFIX + name, said.encode()) for name, said in first.items())
    return replace(message_of(SPOILED), topic=topic, partition=0, offset=90, headers=headers)


def read(world: World, name: str, **labels: str) -> float | None:
    return world.metrics.registry.get_sample_value(name, labels)


async def test_an_object_that_alone_keeps_failing_is_deferred_as_it_came(world: World) -> None:
    message = message_of(SPOILED, offset=7)
    letter = await given_up(world, message)
    assert (letter.topic, letter.attempts) == (topics.RETRY, 1)
    assert (letter.key, letter.value, letter.headers) == (message.key, message.value, message.headers)
    assert letter.source == (topics.UPLOADED, 3, 7)
    assert (letter.image_id, letter.stage, letter.code) == (SPOILED.image_id, "fetch", "keeps_failing")
    assert "s3 refused it" in letter.message


async def test_it_is_refused_as_often_as_the_setting_says(world: World) -> None:
    await given_up(world, message_of(SPOILED))
    assert isinstance(world.images, SpoiledImages)
    assert world.images.refused == world.limits.deferrals.attempts


async def test_what_is_deferred_is_due_after_the_delay(world: World) -> None:
    begin = datetime.now(UTC)
    letter = await given_up(world, message_of(SPOILED))
    assert letter.due_at
    assert begin <= letter.due_at - timedelta(seconds=DELAY) <= datetime.now(UTC)


async def test_what_is_deferred_is_counted_and_is_no_dead_letter(world: World) -> None:
    await given_up(world, message_of(SPOILED))
    assert world.counted("deferred") == 1
    assert read(world, "tagstream_retry_deferred_total", dependency="s3") == 1
    assert read(world, "tagstream_retry_parked_total", dependency="s3") is None
    assert read(world, "tagstream_dead_letters_total", cause="keeps_failing") is None


async def test_the_last_deferral_that_is_allowed_is_one(world: World) -> None:
    letter = await given_up(world, retried(MOST - 1))
    assert (letter.topic, letter.attempts) == (topics.RETRY, MOST)


async def test_what_was_deferred_too_often_is_parked_and_never_due(world: World) -> None:
    letter = await given_up(world, retried(MOST))
    assert (letter.topic, letter.attempts, letter.due_at) == (topics.PARKING, MOST + 1, None)
    assert world.counted("parked") == 1
    assert read(world, "tagstream_retry_parked_total", dependency="s3") == 1


async def test_a_producer_s_own_count_of_attempts_is_not_believed(world: World) -> None:
    letter = await given_up(world, retried(MOST, topic=topics.UPLOADED))
    assert (letter.topic, letter.attempts) == (topics.RETRY, 1)


async def test_a_removal_whose_object_keeps_failing_is_deferred_too(world: World) -> None:
    removal = s3_message("ObjectRemoved:Delete", SPOILED.location.key, minute=1, sequencer="B", version="v")
    assert (await given_up(world, removal)).topic == topics.RETRY


async def test_dead_letters_are_counted_by_cause() -> None:
    world = World()
    await world.deliver(raw_message(b"?"), raw_message(b"{", offset=1))
    assert read(world, "tagstream_dead_letters_total", cause="malformed") == 2


async def test_a_message_without_a_value_is_a_dead_letter_of_no_bytes() -> None:
    world = World()
    await world.deliver(raw_message(None))
    assert [letter.value for letter in world.tags.buried] == [b""]


SUSPICIOUS = RejectionLimits(share=0.5, minimum=3)


@pytest.fixture
def suspicious() -> World:
    """Three rejections for one cause are too many."""
    world = World()
    world.limits = replace(
        world.limits, deferrals=Deferrals(delay=DELAY, most=MOST, gone=60), rejections=SUSPICIOUS
    )
    return world


def come_back(letter: DeadLetter) -> Message:
    """The message of a letter on the retry topic, as it is read from there."""
    headers = tuple((name, value) for name, value in letter.causes.items())
    return Message(topics.RETRY, 0, 0, letter.key, letter.value, (*letter.headers, *headers))


def to(world: World, topic: str) -> list[DeadLetter]:
    return [letter for letter in world.tags.buried if letter.topic == topic]


def unreadable(minute: int) -> Message:
    """An upload whose object is no photograph."""
    return message_of(upload_of(f"r1/{minute}.json", minute=minute), offset=minute)


async def put_unreadable(world: World, *minutes: int) -> list[Message]:
    for minute in minutes:
        await world.put(upload_of(f"r1/{minute}.json", minute=minute), "")
    return [unreadable(minute) for minute in minutes]


@pytest.mark.parametrize("topic", [topics.UPLOADED, topics.DECISIONS, topics.RESCORE])
async def test_too_many_rejections_for_one_cause_are_held_aside_and_not_buried(
    suspicious: World, topic: str
) -> None:
    await suspicious.deliver(*(Message(topic, 0, offset, None, b"?") for offset in range(5)))
    aside = to(suspicious, topics.RETRY)
    assert len(to(suspicious, topics.DEAD_LETTERS)) == 2
    assert [(each.code, each.attempts, each.due_at is not None) for each in aside] == [
        ("malformed", 1, True)
    ] * 3
    assert {each.suspected.cause for each in aside if each.suspected} == {"malformed"}
    assert suspicious.counted("held_aside") == 3


async def test_a_replay_that_goes_well_does_not_outvote_uploads_that_are_all_rejected(
    suspicious: World,
) -> None:
    old = upload_of("r1/old.jpg")
    await suspicious.put(old, "food=0.9")
    desk = suspicious.desk()
    await desk.handle(message_of(old)).work()
    for number, bad in enumerate(await put_unreadable(suspicious, *range(1, 9))):
        for _ in range(5):
            await desk.handle(rescore_message(old, version="1", offset=number)).work()
        await desk.handle(bad).work()
    assert len(to(suspicious, topics.DEAD_LETTERS)) < SUSPICIOUS.minimum
    assert len(to(suspicious, topics.RETRY)) > SUSPICIOUS.minimum


async def test_good_photographs_go_on_while_what_is_beside_them_is_suspected(suspicious: World) -> None:
    """Sidecar files: three for each photograph."""
    bad = await put_unreadable(suspicious, *range(60))
    good = [upload_of(f"r1/{minute}.jpg", minute=minute) for minute in range(20)]
    for each in good:
        await suspicious.put(each, "food=0.9")
    mixed = [
        message
        for number, upload in enumerate(good)
        for message in (*bad[3 * number : 3 * number + 3], message_of(upload))
    ]
    await suspicious.deliver(*mixed)
    assert suspicious.counted("tagged") == 20
    assert len(to(suspicious, topics.DEAD_LETTERS)) + len(to(suspicious, topics.RETRY)) == 60


async def test_what_was_suspected_is_tagged_at_its_next_try_once_the_fault_is_mended(
    suspicious: World,
) -> None:
    await suspicious.deliver(*await put_unreadable(suspicious, 1, 2, 3))
    await suspicious.put(upload_of("r1/3.json", minute=3), "food=0.9")
    (aside,) = to(suspicious, topics.RETRY)
    await suspicious.deliver(come_back(aside))
    assert suspicious.counted("tagged") == 1


async def test_what_stays_suspected_is_parked_after_its_last_try_and_says_since_when(
    suspicious: World,
) -> None:
    await suspicious.deliver(*await put_unreadable(suspicious, 1, 2, 3))
    (aside,) = to(suspicious, topics.RETRY)
    for _ in range(MOST):
        await suspicious.deliver(come_back(suspicious.tags.buried[-1]))
    parked = suspicious.tags.buried[-1]
    assert (parked.topic, parked.code, parked.due_at) == (topics.PARKING, "undecodable", None)
    assert parked.suspected == aside.suspected
    assert len(to(suspicious, topics.DEAD_LETTERS)) == 2
    assert read(suspicious, "tagstream_suspected_total", cause="undecodable", to="retry") == MOST
    assert read(suspicious, "tagstream_suspected_total", cause="undecodable", to="parking") == 1


async def test_a_worker_that_has_just_started_tries_it_again_and_does_not_bury_it(
    suspicious: World,
) -> None:
    await suspicious.deliver(*await put_unreadable(suspicious, 1, 2, 3))
    await suspicious.deliver(come_back(suspicious.tags.buried[-1]))  # each delivery is a worker's new life
    assert [letter.attempts for letter in to(suspicious, topics.RETRY)] == [1, 2]


async def test_a_worker_that_sees_others_go_well_buries_what_is_still_rejected(suspicious: World) -> None:
    await suspicious.deliver(*await put_unreadable(suspicious, 1, 2, 3))
    (aside,) = to(suspicious, topics.RETRY)
    good = [upload_of(f"r1/{minute}.jpg", minute=minute) for minute in range(3)]
    for each in good:
        await suspicious.put(each, "food=0.9")
    await suspicious.deliver(*map(message_of, good), come_back(aside))
    last = suspicious.tags.buried[-1]
    assert (last.topic, last.code, last.suspected) == (topics.DEAD_LETTERS, "undecodable", None)


async def test_what_is_suspected_and_then_keeps_failing_stays_suspected(world: World) -> None:
    suspected = ((f"{PREFIX}suspected", b"gone since 2026-01-01T00:00:00+00:00"),)
    message = retried(1)
    letter = await given_up(world, replace(message, headers=message.headers + suspected))
    assert letter.suspected
    assert letter.suspected.cause == "gone"


async def test_a_producer_cannot_write_that_its_message_is_suspected(suspicious: World) -> None:
    (message,) = await put_unreadable(suspicious, 1)
    suspected = ((f"{PREFIX}suspected", b"undecodable since 2026-01-01T00:00:00+00:00"),)
    await suspicious.deliver(replace(message, headers=suspected))
    assert [letter.topic for letter in suspicious.tags.buried] == [topics.DEAD_LETTERS]


async def test_what_is_suspected_is_tried_again_behind_live_work(suspicious: World) -> None:
    await suspicious.deliver(*await put_unreadable(suspicious, 1, 2, 3))
    task = suspicious.desk().handle(come_back(suspicious.tags.buried[-1]))
    assert task.urgency is Urgency.BACKGROUND


async def test_an_object_that_is_not_there_is_looked_for_once_more_before_it_is_a_dead_letter(
    suspicious: World,
) -> None:
    begin = datetime.now(UTC)
    await suspicious.deliver(message_of(upload_of()))
    (first,) = suspicious.tags.buried
    assert (first.topic, first.code, first.attempts, first.suspected) == (topics.RETRY, "gone", 1, None)
    assert first.due_at
    assert timedelta(seconds=60) <= first.due_at - begin < timedelta(seconds=DELAY)
    await suspicious.deliver(come_back(first))
    assert suspicious.tags.buried[-1].topic == topics.DEAD_LETTERS


async def test_an_object_that_was_announced_too_early_is_tagged_when_it_is_there(suspicious: World) -> None:
    upload = upload_of()
    await suspicious.deliver(message_of(upload))
    await suspicious.put(upload, "food=0.9")
    await suspicious.deliver(come_back(suspicious.tags.buried[-1]))
    assert suspicious.counted("tagged") == 1


async def test_a_burst_of_deleted_photographs_leaves_no_letter_raises_no_alarm_and_delays_nobody(
    suspicious: World,
) -> None:
    keys = [f"r1/{number}.jpg" for number in range(60)]
    desk = suspicious.desk()
    for number, key in enumerate(keys):
        created = s3_message("ObjectCreated:Put", key, minute=1, sequencer=f"A{number:03}")
        await desk.handle(created).work()
    good = upload_of("r1/good.jpg")
    await suspicious.put(good, "food=0.9")
    await desk.handle(message_of(good)).work()
    assert suspicious.counted("tagged") == 1
    aside = to(suspicious, topics.RETRY)
    for number, key in enumerate(keys):
        removed = s3_message("ObjectRemoved:Delete", key, minute=2, sequencer=f"B{number:03}")
        await desk.handle(removed).work()
    for letter in aside:
        await desk.handle(come_back(letter)).work()
    assert not desk.alarms.alarms()
    assert (len(aside), len(suspicious.tags.buried)) == (60, 60)
    assert suspicious.counted("stale") == 60


async def test_an_older_deletion_too_explains_an_object_that_is_not_there_at_its_second_try(
    suspicious: World,
) -> None:
    """Of an object that was put and deleted twice the second deletion may come late."""
    await suspicious.deliver(s3_message("ObjectRemoved:Delete", "r1/a.jpg", minute=1, sequencer="A"))
    await suspicious.deliver(s3_message("ObjectCreated:Put", "r1/a.jpg", minute=2, sequencer="B"))
    await suspicious.deliver(come_back(suspicious.tags.buried[-1]))
    assert suspicious.counted("skipped") == 1
    assert len(suspicious.tags.buried) == 1


async def test_the_letter_of_one_record_of_many_holds_that_record_alone(suspicious: World) -> None:
    records = []
    for number in range(60):
        single = s3_message("ObjectCreated:Put", f"r1/{number}.jpg", minute=1, sequencer=f"A{number:03}")
        records += json.loads(single.value or b"")["Records"]
    message = raw_message(json.dumps({"Records": records}).encode(), offset=9)
    await suspicious.deliver(message)
    letters = suspicious.tags.buried
    assert [json.loads(each.value)["Records"] for each in letters] == [[record] for record in records]
    assert {each.source for each in letters} == {message.source}


async def test_a_record_that_comes_back_alone_is_worked_on_alone(suspicious: World) -> None:
    pair = [s3_message("ObjectCreated:Put", f"r1/{key}", minute=1, sequencer=key) for key in ("a", "b")]
    both = {"Records": [json.loads(each.value or b"")["Records"][0] for each in pair]}
    await suspicious.deliver(raw_message(json.dumps(both).encode(), offset=9))
    second = suspicious.tags.buried[1]
    await suspicious.images.put(Location(bucket="photos", key="r1/b"), b"food=0.9")
    await suspicious.deliver(come_back(second))
    assert suspicious.counted("tagged") == 1
    assert len(suspicious.tags.buried) == 2
