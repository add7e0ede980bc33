"""How far a group is with a topic, asked from outside of the group."""

from __future__ import annotations

from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.structs import TopicPartition

from streams.adapters.kafka.admin import Declared, TopicAdmin
from streams.adapters.kafka.lag import LaneProgress

GROUP = "workers"


class Lane:
    """A topic of the broker, and a group that commits to it."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self.name = f"lane-{uuid4().hex}"

    async def write(self, *partitions: int) -> None:
        async with AIOKafkaProducer(bootstrap_servers=self.bootstrap) as producer:
            for partition in partitions:
                await producer.send_and_wait(self.name, b"x", partition=partition)

    async def commit(self, offsets: dict[int, int], *, group: str = GROUP) -> None:
        async with AIOKafkaConsumer(
            bootstrap_servers=self.bootstrap, group_id=group, enable_auto_commit=False
        ) as consumer:
            consumer.assign([TopicPartition(self.name, partition) for partition in offsets])
            await consumer.commit({TopicPartition(self.name, at): offset for at, offset in offsets.items()})

    def progress(self) -> LaneProgress:
        return LaneProgress(self.bootstrap, self.name, GROUP)


@pytest.fixture
async def lane(bootstrap: str) -> Lane:
    made = Lane(bootstrap)
    async with TopicAdmin(bootstrap) as admin:
        await admin.apply([Declared(made.name, 4, 1)])
    return made


async def test_all_is_left_while_the_group_has_committed_nothing(lane: Lane) -> None:
    await lane.write(0, 0, 3)
    async with lane.progress() as progress:
        assert await progress.left() == 3


async def test_what_the_group_commits_is_left_no_more(lane: Lane) -> None:
    await lane.write(0, 0, 0, 3)
    async with lane.progress() as progress:
        await lane.commit({0: 2})
        assert await progress.left() == 2
        await lane.commit({0: 3, 3: 1})
        assert await progress.left() == 0


async def test_what_another_group_commits_counts_for_nothing(lane: Lane) -> None:
    await lane.write(0)
    await lane.commit({0: 1}, group="others")
    async with lane.progress() as progress:
        assert await progress.left() == 1


async def test_what_comes_after_it_was_opened_is_not_waited_for(lane: Lane) -> None:
    await lane.write(0)
    async with lane.progress() as progress:
        await lane.write(0, 1)
        assert await progress.left() == 1
        await lane.commit({0: 2, 1: 1})
        assert await progress.left() == 0


async def test_of_a_topic_without_records_nothing_is_left(lane: Lane) -> None:
    async with lane.progress() as progress:
        assert await progress.left() == 0


async def test_the_ends_of_now_are_told_and_can_be_waited_for(lane: Lane) -> None:
    await lane.write(0)
    async with lane.progress() as progress:
        await lane.write(0, 1)
        ends = await progress.ends()
        assert ends == {0: 2, 1: 1, 2: 0, 3: 0}
        assert await progress.left(ends) == 3
        await lane.commit({0: 2, 1: 1})
        assert await progress.left(ends) == 0


async def test_what_was_deleted_before_the_group_committed_anything_is_not_waited_for(
    embedded: str,
) -> None:
    lane = Lane(embedded)
    async with AIOKafkaProducer(bootstrap_servers=embedded, max_request_size=2**21) as producer:
        for _ in range(8):  # of a megabyte each; this broker keeps five
            await producer.send_and_wait(lane.name, bytes(1_000_000), partition=0)
    async with lane.progress() as progress:
        ends = await progress.ends()
        assert ends[0] == 8
        assert 0 < await progress.left(ends) < 8
