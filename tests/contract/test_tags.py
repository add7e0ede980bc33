"""What every publisher does, whichever it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer

from deploy.stack.stack import Stack
from schemas import topics, wire
from schemas.events import Announcement, DeadLetter
from streams.adapters.kafka.admin import TopicAdmin
from streams.adapters.kafka.connection import EmbeddedBroker
from streams.adapters.kafka.publisher import KafkaPublisher, ProducerSettings
from streams.adapters.kafka.topic_state import Declared
from streams.adapters.memory import MemoryTags
from streams.ports import TagPublisher

from .builders import deletion, letter, moderation, tagged


@dataclass(frozen=True)
class Found:
    """One message as a consumer sees it."""

    key: bytes | None
    value: bytes | None


class MemoryTopics:
    """What a consumer of the in-memory publisher would see."""

    def __init__(self, tags: MemoryTags) -> None:
        self._tags = tags

    async def read(self, topic: str, *, count: int) -> list[Found]:
        told = [_told(each) for each in self._tags.on(topic)]
        buried = [Found(each.key, each.value) for each in self._tags.buried if each.topic == topic]
        assert len(told + buried) == count
        return told + buried


class KafkaTopics:
    """A consumer of whole topics, in the order of each partition."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap

    async def read(self, topic: str, *, count: int) -> list[Found]:
        consumer = AIOKafkaConsumer(topic, bootstrap_servers=self._bootstrap, auto_offset_reset="earliest")
        async with consumer, asyncio.timeout(20):
            return [Found(said.key, said.value) for said in [await consumer.getone() for _ in range(count)]]


def _told(announcement: Announcement) -> Found:
    """As a consumer sees what was announced."""
    event = announcement.event
    return Found(announcement.key.encode(), None if event is None else wire.encode(event))


async def _broker(kind: str, suffix: str, request: pytest.FixtureRequest) -> str:
    """The address of a broker on which there are the test's topics: one makes them by first use."""
    if kind == "embedded":
        broker: EmbeddedBroker = request.getfixturevalue("broker")
        return broker.bootstrap
    servers: Stack = request.getfixturevalue("stack")
    bootstrap = servers.settings["TAGSTREAM_KAFKA__BROKERS"]
    async with TopicAdmin(bootstrap) as admin:
        await admin.apply([Declared(f"{name}.{suffix}", 4, 1) for name in topics.OUTBOUND])
    return bootstrap


@dataclass
class Publishing:
    """A publisher under test, the topics that it fills, and a name that no other test has."""

    tags: TagPublisher
    topics: MemoryTopics | KafkaTopics
    suffix: str

    def here(self, announcement: Announcement) -> Announcement:
        return announcement.model_copy(update={"topic": f"{announcement.topic}.{self.suffix}"})

    def buried_here(self, dead: DeadLetter) -> DeadLetter:
        return dead.model_copy(update={"topic": f"{dead.topic}.{self.suffix}"})


@pytest.fixture(params=["memory", "embedded", pytest.param("kafka", marks=pytest.mark.real)])
async def publishing(request: pytest.FixtureRequest) -> AsyncIterator[Publishing]:
    suffix = uuid4().hex
    if request.param == "memory":
        tags = MemoryTags()
        yield Publishing(tags, MemoryTopics(tags), suffix)
        return
    bootstrap = await _broker(request.param, suffix, request)
    async with KafkaPublisher(ProducerSettings(bootstrap=bootstrap)) as publisher:
        yield Publishing(publisher, KafkaTopics(bootstrap), suffix)


async def test_what_is_announced_is_on_its_topic_under_its_key(publishing: Publishing) -> None:
    told, asked = publishing.here(tagged()), publishing.here(moderation())
    await publishing.tags.announce([told, asked])
    for each in (told, asked):
        assert await publishing.topics.read(each.topic, count=1) == [_told(each)]


async def test_a_tombstone_has_its_key_and_no_value_and_keeps_its_place(publishing: Publishing) -> None:
    held = tagged().model_copy(update={"topic": topics.LATEST})
    every = [publishing.here(each) for each in (held, deletion(), held)]
    await publishing.tags.announce(every)
    found = await publishing.topics.read(every[0].topic, count=3)
    assert found == [_told(held), Found(b"img_a", None), _told(held)]


async def test_what_concerns_a_restaurant_goes_under_its_restaurant(publishing: Publishing) -> None:
    told = publishing.here(tagged().model_copy(update={"key": "r1"}))
    await publishing.tags.announce([told])
    assert [each.key for each in await publishing.topics.read(told.topic, count=1)] == [b"r1"]


async def test_the_events_of_one_image_stay_in_the_order_of_their_announcement(
    publishing: Publishing,
) -> None:
    every = [publishing.here(tagged(minute=minute)) for minute in range(200)]
    await publishing.tags.announce(every[:120])
    await publishing.tags.announce(every[120:])
    found = await publishing.topics.read(every[0].topic, count=200)
    assert found == [_told(each) for each in every]


async def test_many_announcements_at_once_are_all_published(publishing: Publishing) -> None:
    every = [publishing.here(tagged(f"img_{number}")) for number in range(50)]
    await asyncio.gather(*(publishing.tags.announce([each]) for each in every))
    found = await publishing.topics.read(every[0].topic, count=50)
    assert {each.key for each in found} == {each.key.encode() for each in every}


async def test_announcing_nothing_is_done_at_once(publishing: Publishing) -> None:
    await publishing.tags.announce([])


@pytest.mark.parametrize("value", [b"\xff\x00 not json", b"", b"{}"])
async def test_a_dead_letter_holds_the_key_and_the_bytes_as_they_came(
    publishing: Publishing, value: bytes
) -> None:
    dead = publishing.buried_here(letter(value))
    await publishing.tags.bury(dead)
    assert await publishing.topics.read(dead.topic, count=1) == [Found(b"img_a", value)]


async def test_a_dead_letter_without_a_key_is_buried_as_well(publishing: Publishing) -> None:
    dead = publishing.buried_here(letter().model_copy(update={"key": None}))
    await publishing.tags.bury(dead)
    assert await publishing.topics.read(dead.topic, count=1) == [Found(None, dead.value)]


async def test_a_broker_that_is_there_answers_a_ping(publishing: Publishing) -> None:
    await publishing.tags.ping()


async def test_a_message_that_is_tried_later_goes_to_the_retry_topic_as_it_came(
    publishing: Publishing,
) -> None:
    deferred = publishing.buried_here(letter().model_copy(update={"topic": topics.RETRY, "attempts": 1}))
    await publishing.tags.bury(deferred)
    assert await publishing.topics.read(deferred.topic, count=1) == [Found(b"img_a", deferred.value)]


def test_a_dead_letter_goes_to_the_dead_letters() -> None:
    assert letter().topic == topics.DEAD_LETTERS
