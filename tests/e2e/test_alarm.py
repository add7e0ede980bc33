"""The rejection alarm, through real workers: good work goes on, and nothing that is suspected is lost."""

import asyncio
import json
import os
import subprocess
import sys
from collections import Counter
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from operations import suspicions
from schemas import topics
from schemas.wire import headers
from streams.adapters.kafka.reader import read_all
from streams.adapters.sqlite.store import SqliteScores
from streams.scanning import every_head
from tests.e2e.fleet import ROOT, Fleet, Worker
from tests.e2e.test_doors import notification
from tests.e2e.worker_under_test import BUCKET
from tests.seen import Tell

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

WITHIN = 90.0
GOOD, SIDECARS, DELETED = 40, 80, 60
MINIMUM = 20
"""Smaller than the setting's default, so that the flood may be too."""


@pytest.fixture
def environment() -> dict[str, str]:
    return {
        "TAGSTREAM_REJECTIONS__MINIMUM": str(MINIMUM),
        "TAGSTREAM_DEFERRAL__DELAY": "3",
        "TAGSTREAM_DEFERRAL__GONE": "3",
        "TAGSTREAM_DEFERRAL__MOST": "3",
    }


async def send(fleet: Fleet, *values: bytes) -> None:
    async with AIOKafkaProducer(bootstrap_servers=fleet.bootstrap, acks="all") as producer:
        for value in values:
            await producer.send_and_wait(topics.UPLOADED, value, key=value[-40:])


def an_object(fleet: Fleet, key: str, data: bytes) -> bytes:
    """Its notification."""
    (fleet.images / BUCKET / key).write_bytes(data)
    return notification("ObjectCreated:Put", key, "0A")


def records(event: str, keys: list[str], sequencer: str) -> bytes:
    """One notification of several objects."""
    single = [json.loads(notification(event, key, sequencer))["Records"][0] for key in keys]
    return json.dumps({"Records": single}).encode()


async def tagged(fleet: Fleet) -> int:
    if not fleet.store.exists():
        return 0
    async with SqliteScores(fleet.store) as scores:
        return sum([head.is_announced and head.verdict is not None async for head in every_head(scores)])


async def letters(fleet: Fleet, topic: str) -> Counter[str]:
    """The keys of the objects of the letters there."""
    found = await read_all(fleet.bootstrap, topic)
    return Counter(key for each in found for key in keys_of(each.value))


def keys_of(value: bytes | None) -> list[str]:
    found: list[dict[str, Any]] = json.loads(value or b"{}")["Records"]
    return [record["s3"]["object"]["key"] for record in found]


async def until_tagged(fleet: Fleet, count: int) -> None:
    async with asyncio.timeout(WITHIN):
        while await tagged(fleet) < count:
            await asyncio.sleep(0.2)


async def until_ended(fleet: Fleet, count: int) -> tuple[Counter[str], Counter[str]]:
    """Dead and parked letters, once they are so many."""
    async with asyncio.timeout(WITHIN):
        while True:
            dead, parked = await letters(fleet, topics.DEAD_LETTERS), await letters(fleet, topics.PARKING)
            if len(dead | parked) >= count:
                return dead, parked
            await asyncio.sleep(0.3)


async def test_sidecars_beside_photographs_are_held_aside_and_the_photographs_go_on(
    fleet: Fleet, tell: Tell
) -> None:
    sidecars = [f"{number}.json" for number in range(SIDECARS)]
    bad = [an_object(fleet, key, b"broken") for key in sidecars]
    good = [an_object(fleet, f"{number}.jpg", b"%d" % number) for number in range(GOOD)]
    mixed = [each for number in range(GOOD) for each in (*bad[2 * number : 2 * number + 2], good[number])]
    worker = fleet.start()
    await send(fleet, *mixed)
    await until_tagged(fleet, GOOD)
    assert worker.events("rejections.alarm")
    (held,) = (await suspicions.read(fleet.bootstrap, group="tagstream")).causes
    assert held.cause == "undecodable"
    worker.kill()  # what the alarm knew is gone with it; what it held aside says it itself
    fleet.start()
    dead, parked = await until_ended(fleet, SIDECARS)
    assert set(dead) | set(parked) == set(sidecars)
    assert len(dead) < 2 * MINIMUM
    assert all(headers.suspicion(each) for each in await read_all(fleet.bootstrap, topics.PARKING))
    tell(f"{GOOD} photographs tagged; of {SIDECARS} sidecars {len(dead)} dead letters, {len(parked)} parked")


async def test_sixty_deleted_objects_of_one_notification_stop_nobody_and_leave_no_letter(
    fleet: Fleet,
) -> None:
    deleted = [f"deleted-{number}.jpg" for number in range(DELETED)]
    good = [an_object(fleet, f"{number}.jpg", b"%d" % number) for number in range(GOOD)]
    worker = fleet.start()
    await send(fleet, records("ObjectCreated:Put", deleted, "0A"), *good)
    await until_tagged(fleet, GOOD)
    await send(fleet, records("ObjectRemoved:Delete", deleted, "0B"))
    await until_looked_again(worker, DELETED)
    assert await letters(fleet, topics.DEAD_LETTERS) == Counter()
    assert not worker.events("rejections.alarm")
    assert await asyncio.to_thread(worker.stop, 20) == 0


async def until_looked_again(worker: Worker, count: int) -> None:
    async with asyncio.timeout(WITHIN):
        while sum(entry["topic"] == topics.RETRY for entry in worker.events("message.started")) < count:
            await asyncio.sleep(0.2)


async def test_a_worker_that_rejects_everything_parks_all_but_fewer_than_the_minimum(fleet: Fleet) -> None:
    """The wrong storage: nothing that is announced is there; mended, and redriven, all of it is tagged."""
    names = [f"{number}.jpg" for number in range(GOOD)]
    worker = fleet.start()
    await send(fleet, *(notification("ObjectCreated:Put", key, "0A") for key in names))
    dead, parked = await until_ended(fleet, GOOD)
    assert len(dead) < MINIMUM
    assert set(dead) | set(parked) == set(names)
    for number, key in enumerate(names):
        an_object(fleet, key, b"%d" % number)
    sent_back = [await asyncio.to_thread(redrive, fleet, *which) for which in ((), ("--parking",))]
    assert sent_back == [len(dead), len(parked)]
    await until_tagged(fleet, GOOD)
    assert await asyncio.to_thread(worker.stop, 20) == 0


def redrive(fleet: Fleet, *which: str) -> int:
    """Send every letter back; how many."""
    command = [sys.executable, "-m", "tagstream", "dlq", "redrive", "--all", "--yes", "--json", *which]
    environment = os.environ | {"TAGSTREAM_KAFKA__BROKERS": fleet.bootstrap}
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, check=True)
    return int(json.loads(done.stdout)["redriven"])
