"""How messages end badly: dead letters, another try later, parking, and the alarm before too many of them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from agents.dead_letters import Deferrals
from model.testing import settle
from schemas import topics
from schemas.errors import Unavailable
from schemas.events import DeadLetter
from schemas.uploads import Location
from schemas.wire.headers import PREFIX
from streams.adapters.memory import MemoryImages
from streams.message import Message
from streams.ports import Fetched
from streams.resilience.rejection_alarm import RejectionLimits

from .straight_path import LIMITS, World, message_of, raw_message, s3_message, upload_of

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


@pytest.mark.parametrize("topic", [topics.UPLOADED, topics.DECISIONS, topics.RESCORE])
async def test_too_many_spoiled_messages_are_held_and_not_buried(topic: str) -> None:
    world = World()
    world.limits = replace(world.limits, rejections=RejectionLimits(share=0.5, minimum=3))
    desk = world.desk()
    work = [
        asyncio.create_task(desk.handle(Message(topic, 0, offset, None, b"?")).work()) for offset in range(5)
    ]
    await settle()
    assert set(desk.alarm.alarms()) == {"malformed"}
    assert len(world.tags.buried) == sum(each.done() for each in work) == 2
    for each in work:
        each.cancel()
    await asyncio.wait(work)
