"""What the embedded broker holds unread, and a publisher that waits for the workers."""

from __future__ import annotations

import asyncio

from operations.backlog import NEAR, Backlog, PacedPublisher
from schemas import topics
from streams.adapters.memory import MemoryTags
from streams.message import Message
from tests.unit.straight_path import upload_of

LARGE = 400_000


def message(partition: int, offset: int, size: int = LARGE) -> Message:
    return Message(topics.UPLOADED, partition, offset, b"key", bytes(size))


def filled(partition: int = 1) -> Backlog:
    backlog = Backlog()
    for offset in range(NEAR // LARGE + 1):
        backlog.add(message(partition, offset))
    return backlog


def test_the_fullest_partition_is_told_with_its_records_and_bytes() -> None:
    backlog = Backlog()
    assert backlog.most == (0, 0, 0)
    for offset in range(3):
        backlog.add(message(1, offset, 1000))
    backlog.add(message(2, 0, 2000))
    partition, records, size = backlog.most
    assert (partition, records) == (1, 3)
    assert 3000 < size < 4000
    backlog.done({1: 2})
    assert backlog.most[:2] == (2, 1)
    backlog.done({1: 3, 2: 1})
    assert backlog.most[1:] == (0, 0)


async def test_a_publisher_waits_until_the_workers_have_made_room_and_says_so_once() -> None:
    backlog, tags, said = filled(), MemoryTags(), list[str]()
    publisher = PacedPublisher(tags, backlog, said.append)
    publishing = asyncio.create_task(publisher.publish(upload_of()))
    while not said:
        await asyncio.sleep(0)
    assert tags.uploaded == []
    assert "partition 1 holds" in said[0]
    backlog.done({1: 100})
    await publishing
    assert len(tags.uploaded) == 1
    await publisher.publish(upload_of())
    assert (len(tags.uploaded), len(said)) == (2, 1)
