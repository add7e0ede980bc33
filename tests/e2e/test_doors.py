"""Every door, through real workers: storage's notifications, decisions, replay, the retry lane."""

import asyncio
import hashlib
import json
import os
import subprocess
import sys
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
from streams.scanning import every_head
from tests.e2e.accounts import Auditor
from tests.e2e.fleet import ROOT, Fleet, Worker
from tests.e2e.traffic import plan, publish
from tests.e2e.worker_under_test import BUCKET
from tests.seen import Tell

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


def replay(fleet: Fleet, *arguments: str) -> dict[str, Any]:
    """`tagstream replay --json`, as a person would run it beside the workers."""
    settings = {"TAGSTREAM_KAFKA__BROKERS": fleet.bootstrap, "TAGSTREAM_STORE__PATH": str(fleet.store)}
    command = [sys.executable, "-m", "tagstream", "replay", *arguments, "--json"]
    ran = subprocess.run(
        command, cwd=ROOT, env=os.environ | settings, capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.returncode == 0, ran.stderr
    answer: dict[str, Any] = json.loads(ran.stdout)
    return answer


async def versions(fleet: Fleet) -> dict[str, int]:
    """How many images have scores of which version."""
    found: dict[str, int] = {}
    async with SqliteScores(fleet.store) as scores:
        async for head in every_head(scores):
            version = head.scores.model.version if head.scores else "none"
            found[version] = found.get(version, 0) + 1
    return found


async def test_a_replay_scores_every_image_by_the_new_version_once(fleet: Fleet, tell: Tell) -> None:
    old = fleet.start()
    sent = await publish(fleet.bootstrap, plan(300, fleet.images))
    await Auditor(fleet.bootstrap, fleet.store, sent).until_done(WITHIN)
    assert await asyncio.to_thread(old.stop, 20) == 0
    images = (await versions(fleet))["1"]
    dry = await asyncio.to_thread(replay, fleet, "--from", "earliest", "--model", "2", "--force", "--dry-run")
    assert dry["choices"]["send"] >= images
    new: Worker = fleet.start(E2E_VERSION="2")
    done = await asyncio.to_thread(replay, fleet, "--from", "earliest", "--model", "2", "--force")
    tell(f"replay: {done['choices']}, {done['summary']}")
    assert await versions(fleet) == {"2": images}
    assert done["summary"]["rescored"] == images
    assert 0 < done["summary"]["changed"] < images
    # What had a bad object lacks scores and always will: skipped or refused, and said.
    assert done["summary"]["unfinished"] == dry["choices"]["send"] - images
    again = await asyncio.to_thread(replay, fleet, "--from", "earliest", "--model", "2", "--force")
    assert again["choices"]["scored"] == images
    assert new.is_alive


async def test_a_lane_whose_model_is_not_resident_waits_and_live_traffic_goes_on(fleet: Fleet) -> None:
    worker = fleet.start()
    image = a_photograph(fleet, "r1/a.jpg", with_label="food")
    await send(fleet, topics.UPLOADED, "k", notification("ObjectCreated:Put", "r1/a.jpg", "0A"))
    await until(fleet, image, anything)
    await asyncio.to_thread(replay, fleet, "--from", "earliest", "--model", "7", "--force", "--no-wait")
    live = a_photograph(fleet, "r1/b.jpg", with_label="food")
    await send(fleet, topics.UPLOADED, "k", notification("ObjectCreated:Put", "r1/b.jpg", "0A"))
    await until(fleet, live, anything)
    assert await versions(fleet) == {"1": 2}
    assert await asyncio.to_thread(worker.stop, 20) == 0


async def test_a_replay_that_was_dropped_lets_the_one_behind_it_through(fleet: Fleet) -> None:
    worker = fleet.start()
    image = a_photograph(fleet, "r1/a.jpg", with_label="food")
    await send(fleet, topics.UPLOADED, "k", notification("ObjectCreated:Put", "r1/a.jpg", "0A"))
    await until(fleet, image, anything)
    wrong = ("--from", "earliest", "--model", "7", "--force", "--no-wait")
    await asyncio.to_thread(replay, fleet, *wrong)
    right = ("--from", "earliest", "--decide-again")
    waiting = asyncio.create_task(asyncio.to_thread(replay, fleet, *right, "--model", "1"))
    await asyncio.sleep(1)
    dry = await asyncio.to_thread(replay, fleet, "drop", "--model", "7", "--dry-run")
    assert [(each["model_version"], each["requests"]) for each in dry["dropped"]] == [("7", 1)]
    assert not waiting.done()
    dropped = await asyncio.to_thread(replay, fleet, "drop", "--model", "7")
    assert dropped["dropped"] == dry["dropped"]
    assert (await waiting)["summary"]["rescored"] == 1
    # Where no worker runs, those that start later obey all the same.
    assert await asyncio.to_thread(worker.stop, 20) == 0
    await asyncio.to_thread(replay, fleet, *wrong)
    await asyncio.to_thread(replay, fleet, "drop", "--model", "7")
    fleet.start()
    assert (await asyncio.to_thread(replay, fleet, *right, "--model", "1"))["summary"]["rescored"] == 1
    assert await versions(fleet) == {"1": 1}


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
