"""Topics listed and created, on a broker that takes declarations and on one that does not."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import timedelta
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer

from schemas import topics
from schemas.errors import ConfigurationError, Unavailable
from streams.adapters.kafka.admin import Applied, Declared, TopicAdmin, TopicOutcome, TopicState, declared
from streams.adapters.kafka.topic_state import compared
from tests.listener import nobody

COMPACT = {"cleanup.policy": "compact"}


def fresh(*, partitions: int = 4, replication: int = 1, config: Mapping[str, str] | None = None) -> Declared:
    return Declared(f"made-{uuid4().hex}", partitions, replication, config or {})


def state(**given: object) -> TopicState:
    said: dict[str, object] = {
        "name": "t",
        "beginnings": {0: 5, 1: 0},
        "ends": {0: 9, 1: 2},
        "replication": 1,
        "config": {"cleanup.policy": "delete", "retention.ms": "60000"},
    }
    return TopicState(**(said | given))  # type: ignore[arg-type]


def outcomes(applied: tuple[Applied, ...]) -> list[TopicOutcome]:
    return [each.outcome for each in applied]


def test_every_topic_of_ours_is_declared_and_only_the_latest_tags_are_compacted() -> None:
    every = declared(partitions=12, replication=3)
    assert tuple(each.name for each in every) == topics.ALL
    assert {(each.partitions, each.replication) for each in every} == {(12, 3)}
    assert [each.name for each in every if each.config == COMPACT] == [topics.LATEST]


@pytest.mark.real
async def test_a_missing_topic_is_created_as_declared_and_then_there(kafka: str) -> None:
    wanted = (fresh(partitions=3), fresh(partitions=2, config=COMPACT))
    async with TopicAdmin(kafka) as admin:
        assert outcomes(await admin.apply(wanted)) == [TopicOutcome.CREATED, TopicOutcome.CREATED]
        assert outcomes(await admin.apply(wanted)) == [TopicOutcome.THERE, TopicOutcome.THERE]
        found = {each.name: each for each in await admin.topics([each.name for each in wanted])}
    assert found[wanted[0].name].ends == {0: 0, 1: 0, 2: 0}
    assert found[wanted[0].name].retention == timedelta(days=7)
    assert found[wanted[1].name].is_compacted
    assert found[wanted[1].name].retention is None


@pytest.mark.real
async def test_what_is_there_in_another_shape_is_left_as_it_is_and_said(kafka: str) -> None:
    made = fresh(partitions=3)
    async with TopicAdmin(kafka) as admin:
        await admin.apply([made])
        (differs,) = await admin.apply([Declared(made.name, 5, 1, COMPACT)])
        (unchanged,) = await admin.topics([made.name])
    assert differs.outcome is TopicOutcome.DIFFERS
    assert differs.why == "3 partitions, not 5; cleanup.policy delete, not compact"
    assert len(unchanged.ends) == 3


@pytest.mark.real
async def test_more_replicas_than_brokers_are_a_wrong_setting(kafka: str) -> None:
    async with TopicAdmin(kafka) as admin:
        with pytest.raises(ConfigurationError, match="replicat"):
            await admin.apply([fresh(replication=3)])


@pytest.mark.real
async def test_two_who_create_the_same_topics_at_once_are_both_content(kafka: str) -> None:
    wanted = tuple(fresh() for _ in range(5))
    async with TopicAdmin(kafka) as one, TopicAdmin(kafka) as other:
        both = await asyncio.gather(one.apply(wanted), other.apply(wanted))
    assert {outcome for each in both for outcome in outcomes(each)} == {
        TopicOutcome.CREATED,
        TopicOutcome.THERE,
    }


async def test_a_broker_that_takes_no_declarations_makes_topics_by_first_use_and_that_is_said(
    embedded: str,
) -> None:
    wanted = (fresh(), fresh(partitions=7, config=COMPACT))
    async with TopicAdmin(embedded) as admin:
        for _ in range(2):
            applied = await admin.apply(wanted)
            assert outcomes(applied) == [TopicOutcome.FIRST_USE, TopicOutcome.FIRST_USE]
            assert "no controller" in applied[0].why
        found = await admin.topics([each.name for each in wanted])
    assert [len(each.ends) for each in found] == [4, 4]
    assert [each.config for each in found] == [None, None]


async def test_topics_are_listed_with_how_much_they_hold(bootstrap: str) -> None:
    made = fresh()
    async with TopicAdmin(bootstrap) as admin:
        await admin.apply([made])
        async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
            for partition in (0, 0, 2):
                await producer.send_and_wait(made.name, b"x", partition=partition)
        (found,) = await admin.topics([made.name])
        assert made.name in {each.name for each in await admin.topics()}
        assert await admin.partitions(made.name) == (0, 1, 2, 3)
    assert found.ends == {0: 2, 1: 0, 2: 1, 3: 0}
    assert found.records == 3
    assert found.replication == 1


async def test_asking_about_a_topic_does_not_make_it(bootstrap: str) -> None:
    absent = fresh().name
    async with TopicAdmin(bootstrap) as admin:
        for _ in range(2):
            assert await admin.partitions(absent) == ()
            assert await admin.topics([absent]) == ()


async def test_nobody_at_the_address_is_unavailable(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, logger="aiokafka")
    with pytest.raises(Unavailable) as caught:
        await TopicAdmin(nobody(), seconds=1).__aenter__()
    assert caught.value.dependency == "broker"


def test_what_a_topic_holds_is_counted_from_its_oldest_record() -> None:
    assert state().records == 6


@pytest.mark.parametrize(
    ("config", "kept"),
    [
        ({"cleanup.policy": "delete", "retention.ms": "60000"}, timedelta(minutes=1)),
        ({"cleanup.policy": "compact,delete", "retention.ms": "60000"}, timedelta(minutes=1)),
        ({"cleanup.policy": "compact", "retention.ms": "60000"}, None),
        ({"cleanup.policy": "delete", "retention.ms": "-1"}, None),
        (None, None),
    ],
)
def test_records_are_kept_for_ever_unless_the_broker_says_otherwise(
    config: Mapping[str, str] | None, kept: timedelta | None
) -> None:
    assert state(config=config).retention == kept


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        (Declared("t", 2, 1), ""),
        (Declared("t", 3, 1), "2 partitions, not 3"),
        (Declared("t", 2, 3), "replication 1, not 3"),
        (Declared("t", 2, 1, COMPACT), "cleanup.policy delete, not compact"),
    ],
)
def test_a_topic_that_is_there_is_compared_with_what_is_declared(wanted: Declared, why: str) -> None:
    assert compared(wanted, state()) == Applied(
        wanted, TopicOutcome.DIFFERS if why else TopicOutcome.THERE, why
    )


def test_what_the_broker_does_not_say_is_no_difference() -> None:
    assert compared(Declared("t", 2, 1, COMPACT), state(config=None)).outcome is TopicOutcome.THERE
