"""Topics read by commands: from anywhere to anywhere, in no group."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from schemas.errors import Unavailable
from streams.adapters.kafka.admin import Declared, TopicAdmin
from streams.adapters.kafka.reader import NoTopic, TopicReader, read_all
from streams.message import Message
from tests.freezing import freeze, thaw
from tests.listener import nobody

from .broker_of_its_own import broker_of_its_own

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
PARTITIONS = 4


@dataclass
class Topic:
    """A topic that holds what a test says, one record a minute in each partition."""

    bootstrap: str
    name: str

    async def write(
        self, counts: Mapping[int, int], *, first: int = 0, milliseconds: int | None = None
    ) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap)
        async with producer:
            for partition, count in counts.items():
                for number in range(first, first + count):
                    at = int((EPOCH + timedelta(minutes=number)).timestamp() * 1000)
                    await producer.send(
                        self.name,
                        f"{partition}:{number}".encode(),
                        partition=partition,
                        timestamp_ms=at if milliseconds is None else milliseconds,
                    )

    def reader(self) -> TopicReader:
        return TopicReader(self.bootstrap, self.name, seconds=10)


@pytest.fixture
async def topic(bootstrap: str) -> Topic:
    name = f"read-{uuid4().hex}"
    keeping = {"retention.ms": "-1"}  # a broker drops what was written so long ago
    async with TopicAdmin(bootstrap) as admin:
        await admin.apply([Declared(name, PARTITIONS, 1, keeping)])
    return Topic(bootstrap, name)


def places(messages: list[Message]) -> list[tuple[int, int]]:
    return sorted((each.partition, each.offset) for each in messages)


async def test_a_topic_is_read_from_its_beginning_to_its_end_of_now(topic: Topic) -> None:
    await topic.write({0: 30, 1: 1, 3: 500})
    async with topic.reader() as reader:
        assert reader.partitions == (0, 1, 2, 3)
        found = [message async for message in reader.read()]
    assert places(found) == [
        *((0, n) for n in range(30)),
        (1, 0),
        *((3, n) for n in range(500)),
    ]
    assert [each.offset for each in found if each.partition == 3] == list(range(500))
    assert {each.value for each in found if each.partition == 1} == {b"1:0"}


async def test_what_comes_after_the_start_of_reading_is_not_read(topic: Topic) -> None:
    await topic.write({0: 3})
    async with topic.reader() as reader:
        ends = await reader.ends()
        await topic.write({0: 2, 1: 2}, first=3)
        assert places([message async for message in reader.read(until=ends)]) == [(0, 0), (0, 1), (0, 2)]


async def test_only_the_span_between_two_offsets_is_read(topic: Topic) -> None:
    await topic.write({0: 10, 1: 10})
    async with topic.reader() as reader:
        found = [message async for message in reader.read({0: 2, 1: 9, 2: 0}, {0: 4, 1: 9})]
    assert places(found) == [(0, 2), (0, 3)]


async def test_an_empty_topic_has_nothing_to_read(topic: Topic) -> None:
    async with topic.reader() as reader:
        assert await reader.ends() == await reader.beginnings() == dict.fromkeys(range(PARTITIONS), 0)
        assert [message async for message in reader.read()] == []


async def test_a_reader_reads_as_often_as_it_is_asked_to(topic: Topic) -> None:
    await topic.write({0: 40, 1: 40})
    async with topic.reader() as reader:
        for start in (0, 39, 10, 0, 20):
            found = [message async for message in reader.read({0: start}, {0: 40})]
            assert [each.offset for each in found] == list(range(start, 40))


async def test_a_reading_that_was_left_early_does_not_spoil_the_next(topic: Topic) -> None:
    await topic.write({0: 200})
    async with topic.reader() as reader:
        async with aclosing(reader.read()) as reading:
            assert (await anext(reading)).offset == 0
        assert len([message async for message in reader.read()]) == 200


async def test_records_say_when_they_were_written(topic: Topic) -> None:
    await topic.write({0: 2})
    async with topic.reader() as reader:
        found = [message async for message in reader.read()]
    assert [each.timestamp for each in found] == [EPOCH, EPOCH + timedelta(minutes=1)]


async def test_a_time_that_no_calendar_holds_is_none(topic: Topic) -> None:
    await topic.write({0: 1}, milliseconds=2**62)
    async with topic.reader() as reader:
        assert [message.timestamp async for message in reader.read()] == [None]


async def test_a_moment_is_found_in_every_partition(topic: Topic) -> None:
    await topic.write({0: 10, 1: 3})
    async with topic.reader() as reader:
        assert await reader.offsets_for(EPOCH - timedelta(days=1)) == {0: 0, 1: 0, 2: 0, 3: 0}
        assert await reader.offsets_for(EPOCH + timedelta(minutes=2)) == {0: 2, 1: 2, 2: 0, 3: 0}
        assert await reader.offsets_for(EPOCH + timedelta(seconds=61)) == {0: 2, 1: 2, 2: 0, 3: 0}
        assert await reader.offsets_for(EPOCH + timedelta(minutes=5)) == {0: 5, 1: 3, 2: 0, 3: 0}
        assert await reader.offsets_for(EPOCH + timedelta(days=1)) == await reader.ends()
        assert await reader.offsets_for(datetime(1950, 1, 1, tzinfo=UTC)) == await reader.beginnings()


async def test_a_broker_without_an_index_of_times_is_said_to_have_none(embedded: str) -> None:
    topic = Topic(embedded, f"times-{uuid4().hex}")
    async with TopicAdmin(embedded) as admin:
        await admin.apply([Declared(topic.name, PARTITIONS, 1)])
    await topic.write({0: 2})
    with structlog.testing.capture_logs() as said:
        async with topic.reader() as reader:
            await reader.offsets_for(EPOCH)
    assert [(each["event"], each["partitions"]) for each in said] == [("topic.times_not_indexed", [0])]


async def test_a_reading_that_follows_goes_on_with_what_comes(topic: Topic) -> None:
    await topic.write({0: 3})
    async with topic.reader() as reader, asyncio.timeout(20), aclosing(reader.follow()) as following:
        coming = asyncio.ensure_future(anext(following))
        while not coming.done():  # the ends that it begins at are those of some time from here on
            await topic.write({0: 1}, first=3)
        first = await coming
        assert first.offset >= 3
        await topic.write({0: 1}, first=4)
        assert (await anext(following)).offset == first.offset + 1


async def test_a_reading_that_follows_may_begin_earlier(topic: Topic) -> None:
    await topic.write({0: 3})
    async with topic.reader() as reader, asyncio.timeout(20), aclosing(reader.follow({0: 1})) as following:
        assert [(await anext(following)).offset, (await anext(following)).offset] == [1, 2]


async def test_reading_moves_no_offset_of_any_group(topic: Topic) -> None:
    await topic.write({0: 5})
    async with AIOKafkaConsumer(
        bootstrap_servers=topic.bootstrap, group_id="workers", enable_auto_commit=False
    ) as member:
        partition = TopicPartition(topic.name, 0)
        member.assign([partition])
        await member.commit({partition: 2})
        async with topic.reader() as reader:
            assert len([message async for message in reader.read()]) == 5
        assert await member.committed(partition) == 2


async def test_a_topic_that_is_not_there_is_said_to_be_missing_and_stays_so(bootstrap: str) -> None:
    absent = f"absent-{uuid4().hex}"
    with pytest.raises(NoTopic, match=absent):
        await TopicReader(bootstrap, absent).__aenter__()
    async with TopicAdmin(bootstrap) as admin:
        assert await admin.topics([absent]) == ()


async def test_everything_is_read_back_at_once(topic: Topic) -> None:
    await topic.write({0: 3, 2: 1})
    assert places(list(await read_all(topic.bootstrap, topic.name))) == [(0, 0), (0, 1), (0, 2), (2, 0)]
    assert await read_all(topic.bootstrap, f"absent-{uuid4().hex}") == ()


async def test_records_that_the_embedded_broker_dropped_are_missed(embedded: str) -> None:
    name = f"dropped-{uuid4().hex}"
    producer = AIOKafkaProducer(bootstrap_servers=embedded)
    async with producer:
        for _ in range(12):
            await producer.send_and_wait(name, bytes(900_000), partition=0)
    with pytest.raises(RuntimeError, match="dropped"):
        await read_all(embedded, name)


async def test_nobody_at_the_address_is_unavailable(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, logger="aiokafka")
    with pytest.raises(Unavailable) as caught:
        await TopicReader(nobody(), "any", seconds=1).__aenter__()
    assert caught.value.dependency == "broker"


async def test_an_end_that_the_topic_never_reaches_is_unavailable(topic: Topic) -> None:
    await topic.write({0: 3})
    found = []

    async def read_too_far(reader: TopicReader) -> None:
        async for message in reader.read({0: 0}, {0: 4}):
            found.append(message.offset)  # noqa: PERF401 - what came before the error counts

    async with TopicReader(topic.bootstrap, topic.name, seconds=2) as reader:
        with pytest.raises(Unavailable):
            await read_too_far(reader)
    assert found == [0, 1, 2]


async def test_a_broker_that_freezes_while_it_is_read_is_unavailable() -> None:
    async with broker_of_its_own() as (pid, bootstrap):
        topic = Topic(bootstrap, "freezing")
        await topic.write({0: 3})
        async with TopicReader(bootstrap, "freezing", seconds=2) as reader:
            ends = await reader.ends()
            freeze(pid)
            for ask in (reader.beginnings(), anext(reader.read(dict.fromkeys(ends, 0), ends))):
                with pytest.raises(Unavailable):
                    await ask
            thaw(pid)


async def test_a_reading_that_follows_outlasts_a_broker_that_freezes() -> None:
    async with broker_of_its_own() as (pid, bootstrap):
        topic = Topic(bootstrap, "freezing")
        await topic.write({0: 1})
        async with (
            TopicReader(bootstrap, "freezing", seconds=1) as reader,
            asyncio.timeout(60),
            aclosing(reader.follow({0: 0})) as following,
        ):
            assert (await anext(following)).offset == 0
            coming = asyncio.ensure_future(anext(following))
            freeze(pid)
            await asyncio.wait([coming], timeout=3)  # longer than a request may take
            thaw(pid)
            await topic.write({0: 1}, first=1)
            assert (await coming).offset == 1
