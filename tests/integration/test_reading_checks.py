"""What the doctor and readiness say of what nobody reads, over the brokers that there are."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer

from agents.wiring.settings import Settings
from operations import reading_checks
from operations.unwell import Unwell
from schemas import topics
from streams.adapters.kafka.admin import Declared, TopicAdmin
from streams.adapters.kafka.connection import EmbeddedBroker
from streams.adapters.kafka.coverage import Coverage, CoverageWatch, coverage


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as running:
        yield running


def settings_of(broker: EmbeddedBroker) -> Settings:
    return Settings.model_validate({"kafka": {"brokers": broker.bootstrap}})


async def test_a_topic_that_is_not_there_is_named_and_is_not_made_by_asking(bootstrap: str) -> None:
    name = f"missing-{uuid4().hex}"
    for _ in range(2):
        found = await coverage(bootstrap, "nobody", [name])
        assert found.words() == f"there is no topic {name}"


async def test_a_topic_has_an_id_that_stays(bootstrap: str) -> None:
    name = f"there-{uuid4().hex}"
    async with TopicAdmin(bootstrap) as admin:
        await admin.apply([Declared(name, 4, 1)])
    watch = CoverageWatch(bootstrap, "nobody", [name], every=1)
    first = await coverage(bootstrap, "nobody", [name])
    assert len(first.ids[name]) == 16
    assert (await coverage(bootstrap, "nobody", [name])).ids == first.ids
    assert [await watch.made_again() for _ in range(2)] == [frozenset(), frozenset()]


async def test_a_topic_whose_id_has_changed_is_told_once(broker: EmbeddedBroker) -> None:
    broker.create("there")
    watch = CoverageWatch(broker.bootstrap, "nobody", ["there"], every=1)
    assert await watch.made_again() == frozenset()
    watch._ids["there"] = bytes(range(16))  # that of another one, which was there before
    assert await watch.made_again() == {"there"}
    assert await watch.made_again() == frozenset()


async def test_a_broker_that_does_not_say_who_reads_is_not_blamed(broker: EmbeddedBroker) -> None:
    broker.create(*topics.ALL)
    found = await coverage(broker.bootstrap, "tagstream", topics.INBOUND)
    assert (found.missing, found.unread) == ((), ())
    assert "left out" in await reading_checks.covered(settings_of(broker))


async def test_the_doctor_names_what_was_dropped_before_the_group_read_it(broker: EmbeddedBroker) -> None:
    broker.create(*topics.ALL)
    config = settings_of(broker)
    assert "has read whatever was deleted" in await reading_checks.nothing_gone(config)
    async with AIOKafkaProducer(bootstrap_servers=broker.bootstrap) as producer:
        for _ in range(60):
            await producer.send_and_wait(topics.UPLOADED, bytes(200_000), partition=1)
    with pytest.raises(Unwell, match=r"offsets of photos.uploaded.v1, partition 1, were deleted before"):
        await reading_checks.nothing_gone(config)


async def test_the_doctor_names_the_codecs() -> None:
    assert await reading_checks.codecs() == "gzip, snappy, lz4, zstd can be read"


def test_nothing_is_said_where_all_is_read() -> None:
    assert Coverage().words() is None
