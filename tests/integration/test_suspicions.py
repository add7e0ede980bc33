"""What is held aside under an alarm is found on the topics, by a command that knows no worker."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from aiokafka.structs import TopicPartition

from agents.wiring import settings
from operations import health_checks, redrive, suspicions
from operations.dead_letters import LetterSelection
from operations.redrive import RedriveRequest
from operations.suspicions import Aside
from schemas import topics
from schemas.events import DeadLetter, Suspicion
from streams.adapters.kafka.connection import EmbeddedBroker
from streams.adapters.kafka.consumer import groupless
from streams.adapters.kafka.publisher import KafkaPublisher, ProducerSettings

GROUP = "tagstream"
NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def broker() -> Iterator[str]:
    """A broker of its own: the topics have one name everywhere."""
    with EmbeddedBroker() as running:
        yield running.bootstrap


def letter(
    offset: int, cause: str = "undecodable", *, topic: str = topics.RETRY, since: int = 5
) -> DeadLetter:
    return DeadLetter(
        key=b"k",
        value=b"{}",
        source=(topics.UPLOADED, 0, offset),
        image_id=f"img_{offset}",
        stage="decode",
        code=cause,
        exception="Undecodable",
        message="no image",
        topic=topic,
        attempts=1,
        due_at=NOW + timedelta(minutes=5) if topic == topics.RETRY else None,
        suspected=Suspicion(cause=cause, since=NOW - timedelta(minutes=since)),
    )


async def bury(broker: str, *letters: DeadLetter) -> None:
    async with KafkaPublisher(ProducerSettings(bootstrap=broker)) as publisher:
        for each in letters:
            await publisher.bury(each)


async def test_nothing_is_held_aside_on_a_broker_without_letters(broker: str) -> None:
    assert await suspicions.read(broker, group=GROUP) == Aside((), 0)


async def test_it_is_counted_by_cause_and_dated_by_the_first(broker: str) -> None:
    await bury(
        broker,
        *(letter(offset, since=9 - offset) for offset in range(3)),
        letter(3, topic=topics.PARKING),
        letter(4, "gone"),
        letter(5).model_copy(update={"suspected": None}),
    )
    found = await suspicions.read(broker, group=GROUP)
    first, second = found.causes
    assert found.others == 1
    assert (first.cause, first.waiting, first.parked) == ("undecodable", 3, 1)
    assert first.since == NOW - timedelta(minutes=9)
    assert (second.cause, second.waiting, second.parked) == ("gone", 1, 0)


async def test_what_the_workers_have_tried_again_waits_no_more(broker: str) -> None:
    await bury(broker, *(letter(offset) for offset in range(3)))
    async with groupless(broker, seconds=10, offsets_of=GROUP) as consumer:
        partitions = [TopicPartition(topics.RETRY, number) for number in range(4)]
        consumer.assign(partitions)
        await consumer.commit(await consumer.end_offsets(partitions))
    assert await suspicions.read(broker, group=GROUP) == Aside((), 0)


async def test_what_a_person_has_sent_back_is_held_aside_no_more(
    broker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAGSTREAM_KAFKA__BROKERS", broker)
    config = settings.load()
    await bury(broker, letter(1, topic=topics.PARKING))
    request = RedriveRequest(selection=LetterSelection(cause="undecodable"), parking=True)
    chosen = await redrive.choose(config, request, lambda *_: None)
    await redrive.send(config, request, chosen, lambda _: None)
    assert await suspicions.read(broker, group=GROUP) == Aside((), 0)


async def test_the_doctor_names_the_cause_and_the_way_back(
    broker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAGSTREAM_KAFKA__BROKERS", broker)
    await bury(broker, letter(1), letter(2, topic=topics.PARKING))
    checks = health_checks.of(settings.load(), source="-")
    (check,) = [each for each in checks if each.name == "rejections"]
    found = await anext(health_checks.findings([check]))
    assert not found.is_well
    assert "undecodable since" in found.said
    assert "(1 to be tried again, 1 parked)" in found.said
    assert "tagstream dlq redrive --parking --cause undecodable" in found.mend
    assert "--cause undecodable --since" in found.mend
