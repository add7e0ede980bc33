"""A real Kafka's log changes under the workers: retention, damage on disk, partitions, a topic made again."""

from __future__ import annotations

import asyncio
import json
import struct
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions
from aiokafka.admin.records_to_delete import RecordsToDelete
from aiokafka.structs import TopicPartition

from agents.wiring.settings import Settings
from deploy.stack.stack import Stack
from operations.reading_checks import covered, nothing_gone
from operations.unwell import Unwell
from schemas import topics
from streams.adapters.kafka.admin import TopicAdmin
from streams.adapters.kafka.topic_state import declared
from tests import raw_batches as batches
from tests.e2e.accounts import committed, finished
from tests.e2e.fleet import Fleet, Worker
from tests.e2e.test_unread import gaps
from tests.e2e.traffic import Planned, Sent, plan
from tests.freezing import freeze, thaw
from tests.real.premises import Premises, fresh
from tests.seen import Tell

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

WITHIN = 90.0
AGE = 4.0
"""Seconds of the metadata, here."""


@pytest.fixture
async def premises(stack: Stack) -> Premises:
    return await fresh(stack)


@pytest.fixture
def fleet(premises: Premises, tmp_path: Path) -> Iterator[Fleet]:
    """Workers over a folder and SQLite; of the stack it is Kafka that counts."""
    settings = {"TAGSTREAM_KAFKA__METADATA_AGE": str(AGE), "TAGSTREAM_METRICS__PORT": "0"}
    workers = Fleet(premises.bootstrap, tmp_path, settings)
    yield workers
    workers.end()


@asynccontextmanager
async def admin_of(fleet: Fleet) -> AsyncIterator[Any]:
    admin: Any = AIOKafkaAdminClient(bootstrap_servers=fleet.bootstrap)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


async def send(fleet: Fleet, planned: list[Planned], *, partition: int | None = None) -> list[Sent]:
    async with AIOKafkaProducer(bootstrap_servers=fleet.bootstrap, acks="all") as producer:
        sent = []
        for key, value, upload, is_bad in planned:
            meta = await producer.send_and_wait(topics.UPLOADED, value, key=key, partition=partition)
            sent.append(Sent(meta.partition, meta.offset, upload, is_bad))
        return sent


async def all_ended(fleet: Fleet, sent: list[Sent]) -> None:
    async with asyncio.timeout(WITHIN):
        while not all(map(await finished(fleet.bootstrap, fleet.store), sent)):
            await asyncio.sleep(0.5)


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(WITHIN):
        while not await asyncio.to_thread(happened):
            await asyncio.sleep(0.1)


def readiness(worker: Worker) -> dict[str, str]:
    """What complains, and why."""
    serving = worker.events("http.serving")
    if not serving:
        return {"http": "not yet"}
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{serving[0]['address']}/readyz", timeout=5) as reply:
            told = json.load(reply)
    except urllib.error.HTTPError as refusal:
        told = json.load(refusal)
    return {name: check["why"] for name, check in told["checks"].items() if not check["ok"]}


async def covered_for(seconds: float, fleet: Fleet) -> None:
    """Look as long as nothing is left out: the broker itself learns of new partitions a little later."""
    async with asyncio.timeout(seconds):
        while True:
            await covered(settings_of(fleet))


def settings_of(fleet: Fleet) -> Settings:
    return Settings.model_validate({"kafka": {"brokers": fleet.bootstrap}})


def good(count: int, fleet: Fleet) -> list[Planned]:
    return [each for each in plan(count * 2, fleet.images) if not each[3]][:count]


async def test_records_that_retention_deletes_unread_are_told_everywhere(fleet: Fleet, tell: Tell) -> None:
    planned = good(50, fleet)
    first = await send(fleet, planned[:5], partition=1)
    worker = fleet.start()
    await all_ended(fleet, first)
    assert await asyncio.to_thread(worker.stop, 30) == 0
    lost = await send(fleet, planned[5:45], partition=1)
    sent = await send(fleet, planned[45:], partition=1)
    async with admin_of(fleet) as admin:
        await admin.delete_records({TopicPartition(topics.UPLOADED, 1): RecordsToDelete(sent[0].offset)})
    with pytest.raises(Unwell, match=r"40 offsets of photos.uploaded.v1, partition 1"):
        await nothing_gone(settings_of(fleet))
    worker = fleet.start()
    await until(lambda: "40 offsets of photos.uploaded.v1, partition 1" in readiness(worker).get("gaps", ""))
    await all_ended(fleet, sent)
    (line,) = worker.events("records.unread")
    assert (line["level"], line["count"], line["first"]) == ("error", len(lost), lost[0].offset)
    assert await gaps(fleet.bootstrap, "expired") == [(1, lost[0].offset, lost[-1].offset)]
    with pytest.raises(Unwell, match="within a day: 40 offsets"):
        await nothing_gone(settings_of(fleet))
    tell(f"retention: {line['count']} records gone, told in the log, by readiness, the doctor and a letter")


async def test_records_that_retention_deletes_under_a_running_worker_are_told(fleet: Fleet) -> None:
    """It is stuck on its first message while what waits behind it is deleted."""
    planned = good(30, fleet)
    slow = planned[0][2]
    assert slow is not None
    first = await send(fleet, planned[:1], partition=2)
    worker = fleet.start(
        E2E_SLOW_KEY=slow.location.key,
        E2E_SLOW_SECONDS="15",
        TAGSTREAM_WINDOW__CONCURRENCY="1",
        TAGSTREAM_KAFKA__BUFFER="1",
    )
    await until(lambda: bool(worker.starts()))
    padded = [(key, value + b" " * 900_000, upload, bad) for key, value, upload, bad in planned[1:25]]
    await send(fleet, padded, partition=2)
    async with admin_of(fleet) as admin:
        await admin.delete_records({TopicPartition(topics.UPLOADED, 2): RecordsToDelete(25)})
    sent = await send(fleet, planned[25:], partition=2)
    await all_ended(fleet, [*first, *sent])
    ((partition, begin, end),) = await gaps(fleet.bootstrap, "expired")
    started = {offset for number, offset in worker.starts() if number == partition}
    # Each of them was either handed out before, or is in the letter.
    assert started | set(range(begin, end + 1)) >= set(range(30))
    assert end == 24


async def test_a_batch_that_its_disk_has_damaged_is_a_letter_and_the_partition_goes_on(
    fleet: Fleet, premises: Premises, tell: Tell
) -> None:
    planned = good(20, fleet)
    before = await send(fleet, planned[:5], partition=3)
    whole = batches.compressed([b"{}"] * 7)
    odd = batches.sound([b"{}"], header=b"\xff\xfe")
    assert await batches.produce(fleet.bootstrap, topics.UPLOADED, 3, whole, odd, whole) == [0, 0, 0]
    after = await send(fleet, planned[5:], partition=3)
    kafka = premises.stack.broker
    await asyncio.to_thread(kafka.stop)
    (segment,) = kafka.folder.glob(f"data/{topics.UPLOADED}-3/*.log")
    damage(segment)
    await asyncio.to_thread(kafka.start)
    worker = fleet.start()
    await all_ended(fleet, [*before, *after])
    letters = await gaps(fleet.bootstrap, "unreadable")
    tell(f"damaged on disk: letters {letters}")
    assert sorted(letters) == [(3, 5, 11), (3, 12, 12), (3, 13, 19)]
    assert worker.is_alive
    async with asyncio.timeout(WITHIN):
        while (await committed(fleet.bootstrap))[3] <= after[-1].offset:
            await asyncio.sleep(0.2)


def damage(segment: Path) -> None:
    """Of two compressed batches one gets another payload and the checksum for it, and one is left wrong."""
    data = segment.read_bytes()
    at, seen = 0, 0
    made = bytearray(data)
    while at < len(data):
        length = 12 + struct.unpack_from(">i", data, at + 8)[0]
        batch = data[at : at + length]
        if batch[22] & 7 == batches.GZIP:
            payload = b"\0" * (length - 61)
            damaged = batches.with_payload(batch, payload, codec=batches.GZIP)
            made[at : at + length] = damaged if seen == 0 else batches.bad_checksum(batch)
            seen += 1
        at += length
    assert seen == 2
    segment.write_bytes(made)


async def test_added_partitions_are_read_after_the_metadata_s_age_and_missed_until_then(fleet: Fleet) -> None:
    planned = good(60, fleet)
    sent = await send(fleet, planned[:20])
    patient = {"TAGSTREAM_KAFKA__METADATA_AGE": str(5 * AGE)}
    workers = [fleet.start(**patient), fleet.start(**patient)]
    await all_ended(fleet, sent)
    async with admin_of(fleet) as admin:
        await admin.create_partitions({topics.UPLOADED: NewPartitions(8)})
    with pytest.raises(Unwell, match=r"nobody in the group reads photos.uploaded.v1/4"):
        await covered_for(AGE, fleet)
    for number, message in enumerate(planned[20:]):
        sent += await send(fleet, [message], partition=number % 8)
    await all_ended(fleet, sent)
    assert all(worker.is_alive for worker in workers)
    assert "left out" in await covered(settings_of(fleet))


@pytest.mark.parametrize("pause", [0.0, 3 * AGE])
async def test_a_topic_that_was_deleted_and_made_again_is_read_from_its_beginning(
    fleet: Fleet, pause: float, tell: Tell
) -> None:
    planned = good(80, fleet)
    sent = await send(fleet, planned[:60], partition=0)
    worker = fleet.start()
    await all_ended(fleet, sent)
    async with admin_of(fleet) as admin:
        await admin.delete_topics([topics.UPLOADED])
    if pause:
        await until(lambda: "there is no topic" in readiness(worker).get("partitions", ""))
        await asyncio.sleep(pause)
    async with TopicAdmin(fleet.bootstrap) as creator, asyncio.timeout(WITHIN):
        await creator.apply(declared(partitions=4, replication=1))
    again = await send(fleet, planned[60:], partition=0)
    assert again[0].offset == 0
    await all_ended(fleet, again)
    await until(lambda: readiness(worker) == {})
    tell(f"topic made again after {pause:g} s: {[e['event'] for e in worker.events('partition.rewound')]}")
    assert await gaps(fleet.bootstrap, "expired") == []


async def test_a_topic_made_again_while_a_worker_was_frozen_is_read_from_its_beginning(
    fleet: Fleet, tell: Tell
) -> None:
    """It has more records than the old one had, so that the worker's place lies in the middle of them."""
    planned = good(80, fleet)
    sent = await send(fleet, planned[:20], partition=0)
    worker = fleet.start(TAGSTREAM_KAFKA__SESSION_TIMEOUT="20")
    await all_ended(fleet, sent)
    await asyncio.sleep(2)  # so that it has seen which topic this is
    freeze(worker.process.pid)
    async with admin_of(fleet) as admin:
        await admin.delete_topics([topics.UPLOADED])
        while topics.UPLOADED in await admin.list_topics():
            await asyncio.sleep(0.1)
    async with TopicAdmin(fleet.bootstrap) as creator, asyncio.timeout(WITHIN):
        await creator.apply(declared(partitions=4, replication=1))
    again = await send(fleet, planned[20:], partition=0)
    thaw(worker.process.pid)
    await all_ended(fleet, again)
    tell(f"made again while frozen: {[each['event'] for each in worker.events('topic.made_again')]}")
    assert worker.events("topic.made_again")
    async with asyncio.timeout(WITHIN):
        while (await committed(fleet.bootstrap))[0] != len(again):
            await asyncio.sleep(0.2)
