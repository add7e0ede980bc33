"""Every door, through real workers: storage's notifications, decisions, the retry lane."""

import asyncio
import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from agents.testing import LABELS
from schemas import topics
from schemas.identity import image_id
from schemas.records import ImageHead, State
from streams.adapters.kafka.reader import read_all
from streams.adapters.sqlite.store import SqliteScores
from tests.e2e.fleet import Fleet
from tests.e2e.worker_under_test import BUCKET

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

WITHIN = 90.0


async def send(fleet: Fleet, topic: str, key: str, value: bytes, *, partition: int | None = None) -> None:
    async with AIOKafkaProducer(bootstrap_servers=fleet.bootstrap, acks="all") as producer:
        await producer.send_and_wait(topic, value, key=key.encode(), partition=partition)


async def head_of(fleet: Fleet, image: str) -> ImageHead | None:
    if not fleet.store.exists():
        return None
    async with SqliteScores(fleet.store) as scores:
        return await scores.head(image)


async def until(fleet: Fleet, image: str, holds: Callable[[ImageHead], bool]) -> ImageHead:
    """The image's head, once it is announced and `holds`."""
    async with asyncio.timeout(WITHIN):
        while True:
            head = await head_of(fleet, image)
            if head is not None and head.is_announced and holds(head):
                return head
            await asyncio.sleep(0.2)


async def said(fleet: Fleet, topic: str, image: str) -> list[dict[str, Any] | None]:
    """The image's events on `topic`, in order; None for a tombstone."""
    messages = await read_all(fleet.bootstrap, topic)
    mine = [m for m in messages if (m.key or b"").decode() == image or image.encode() in (m.value or b"")]
    return [json.loads(message.value) if message.value else None for message in mine]


def anything(_head: ImageHead) -> bool:
    return True


def notification(event: str, key: str, sequencer: str) -> bytes:
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventTime": datetime.now(UTC).isoformat(),
        "eventName": event,
        "s3": {"bucket": {"name": BUCKET}, "object": {"key": key, "sequencer": sequencer}},
    }
    return json.dumps({"Records": [record]}).encode()


def a_photograph(fleet: Fleet, key: str, *, with_label: str) -> str:
    """Bytes that the fake tagger sees `with_label` in; the image's id."""
    place = LABELS.index(with_label)
    for number in range(100_000):
        data = f"{key} {number}".encode()
        digest = hashlib.sha256(data + b"1").digest()
        if {at for at in range(len(LABELS)) if digest[at] / 255 >= 0.7} == {place}:
            path = fleet.images / BUCKET / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            return image_id(BUCKET, key)
    raise AssertionError("no such bytes were found")


async def test_storage_s_own_notifications_tag_and_withdraw_a_photograph(fleet: Fleet) -> None:
    fleet.start()
    image = a_photograph(fleet, "r1/a.jpg", with_label="menu")
    await send(fleet, topics.UPLOADED, "photos/r1/a.jpg", notification("ObjectCreated:Put", "r1/a.jpg", "0A"))
    assert (await until(fleet, image, anything)).state is State.HIDDEN
    # Elsewhere, as storage keys its events as it likes: another worker's partition perhaps.
    removal = notification("ObjectRemoved:Delete", "r1/a.jpg", "0B")
    await send(fleet, topics.UPLOADED, "photos/r1/a.jpg", removal, partition=3)
    await until(fleet, image, lambda head: head.state is State.DELETED)
    assert [e and e["action"] for e in await said(fleet, topics.MODERATION, image)] == ["added", "removed"]
    assert (await said(fleet, topics.LATEST, image))[-1] is None


async def test_older_after_newer_on_two_workers_leaves_the_newer(fleet: Fleet) -> None:
    first, second = fleet.start(), fleet.start()
    image = a_photograph(fleet, "r1/a.jpg", with_label="ambiance")
    for sequencer, partition in (("0B", 0), ("0A", 1), ("0C", 2), ("0B", 3)):
        event = notification("ObjectCreated:Put", "r1/a.jpg", sequencer)
        await send(fleet, topics.UPLOADED, "any", event, partition=partition)
    await until(fleet, image, lambda head: head.position.sequencer == "0C")
    while len(first.starts()) + len(second.starts()) < 4:
        await asyncio.sleep(0.2)
    for worker in (first, second):
        assert await asyncio.to_thread(worker.stop, 20) == 0
    head = await head_of(fleet, image)
    assert head is not None
    assert head.position.sequencer == "0C"
    latest = (await said(fleet, topics.LATEST, image))[-1]
    assert latest is not None
    assert latest["position"]["sequencer"] == "0C"


async def test_a_moderator_s_decision_is_obeyed_and_told(fleet: Fleet) -> None:
    fleet.start()
    image = a_photograph(fleet, "r1/a.jpg", with_label="human")
    await send(fleet, topics.UPLOADED, "k", notification("ObjectCreated:Put", "r1/a.jpg", "0A"))
    await until(fleet, image, lambda head: head.state is State.HIDDEN)
    decision = {"image_id": image, "action": "approve", "decided_by": "ann"}
    decision["decided_at"] = datetime.now(UTC).isoformat()
    await send(fleet, topics.DECISIONS, image, json.dumps(decision).encode())
    await until(fleet, image, lambda head: head.state is State.VISIBLE)
    removed = (await said(fleet, topics.MODERATION, image))[-1]
    assert removed is not None
    assert (removed["action"], removed["why"]["rule"]) == ("removed", "ann decided: approve")


async def test_one_object_that_keeps_failing_gives_way_and_is_tried_again_when_it_is_due(
    fleet: Fleet,
) -> None:
    fleet.environment |= {
        "TAGSTREAM_BREAKER__CALLS": "50",
        "TAGSTREAM_BREAKER__FEW_AFTER": "600",
        "TAGSTREAM_DEFERRAL__ATTEMPTS": "2",
        "TAGSTREAM_DEFERRAL__DELAY": "3",
        "TAGSTREAM_DEFERRAL__MOST": "20",
        "TAGSTREAM_RETRY__LONGEST": "0.1",
    }
    worker = fleet.start()
    flaky = a_photograph(fleet, "flaky/a.jpg", with_label="menu")
    await send(fleet, topics.UPLOADED, "k", notification("ObjectCreated:Put", "flaky/a.jpg", "0A"))
    for number in range(200):
        key = f"r1/{number}.jpg"
        a_photograph(fleet, key, with_label="food")
        await send(fleet, topics.UPLOADED, key, notification("ObjectCreated:Put", key, "0A"))
        if worker.events("image.deferred"):
            break
    async with asyncio.timeout(WITHIN):
        while not worker.events("image.deferred"):
            await asyncio.sleep(0.2)
    assert await head_of(fleet, flaky) is None
    (fleet.images / "mended").touch()
    await until(fleet, flaky, lambda head: head.state is State.HIDDEN)
    deferred = await read_all(fleet.bootstrap, topics.RETRY)
    assert {dict(message.headers)["__connect.errors.topic"] for message in deferred} == {
        topics.UPLOADED.encode()
    }
    assert await asyncio.to_thread(worker.stop, 20) == 0


async def test_a_decision_is_obeyed_while_storage_is_away(fleet: Fleet) -> None:
    worker = fleet.start()
    image = a_photograph(fleet, "r1/a.jpg", with_label="human")
    await send(fleet, topics.UPLOADED, "k", notification("ObjectCreated:Put", "r1/a.jpg", "0A"))
    await until(fleet, image, lambda head: head.state is State.HIDDEN)
    for number in range(30):  # more than there are slots
        a_photograph(fleet, f"flaky/{number}.jpg", with_label="food")
        event = notification("ObjectCreated:Put", f"flaky/{number}.jpg", "0A")
        await send(fleet, topics.UPLOADED, str(number), event)
    async with asyncio.timeout(WITHIN):
        while not worker.events("dependency.away"):
            await asyncio.sleep(0.2)
    decision = {"image_id": image, "action": "approve", "decided_by": "ann"}
    decision["decided_at"] = datetime.now(UTC).isoformat()
    await send(fleet, topics.DECISIONS, image, json.dumps(decision).encode())
    await until(fleet, image, lambda head: head.state is State.VISIBLE)
    assert not worker.events("dependency.back")
    (fleet.images / "mended").touch()
    for number in range(30):
        await until(fleet, image_id(BUCKET, f"flaky/{number}.jpg"), anything)
    assert await asyncio.to_thread(worker.stop, 20) == 0
