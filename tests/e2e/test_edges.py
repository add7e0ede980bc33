"""A slow object, a broken device, and every dependency away for a while: nothing lost, nothing condemned."""

import asyncio
import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from schemas import topics
from schemas.uploads import Location
from streams.adapters.kafka.reader import read_all
from streams.adapters.s3.embedded import EmbeddedS3
from streams.adapters.s3.images import S3Images
from streams.adapters.s3.settings import S3Settings
from tests.e2e.accounts import Auditor, committed, finished, outcome
from tests.e2e.broker_process import BrokerProcess
from tests.e2e.fleet import Fleet, Worker
from tests.e2e.traffic import plan, publish
from tests.e2e.worker_under_test import BUCKET
from tests.freezing import freeze, thaw
from tests.seen import Tell

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

WITHIN = 90.0
MEBIBYTE = 2**20


@pytest.fixture
def broker() -> Iterator[BrokerProcess]:
    with BrokerProcess() as running:
        yield running


@pytest.fixture
def fleet(broker: BrokerProcess, tmp_path: Path) -> Iterator[Fleet]:
    workers = Fleet(broker.bootstrap, tmp_path)
    yield workers
    workers.end()


async def send(fleet: Fleet, count: int) -> Auditor:
    sent = await publish(fleet.bootstrap, plan(count, fleet.images))
    return Auditor(fleet.bootstrap, fleet.store, sent)


async def until(happened: Callable[[], bool], within: float = 60.0) -> None:
    async with asyncio.timeout(within):
        while not happened():
            await asyncio.sleep(0.2)


def says(worker: Worker, event: str, dependency: str) -> bool:
    return any(entry["dependency"] == dependency for entry in worker.events(event))


async def test_one_object_delayed_for_a_minute_holds_back_its_offset_and_nothing_else(
    fleet: Fleet, tell: Tell
) -> None:
    auditor = await send(fleet, 1_000)
    slow = next(sent for sent in auditor._sent if sent.upload is not None and not sent.is_bad)
    assert slow.upload is not None
    image = slow.upload.image_id
    others = [sent for sent in auditor._sent if sent.upload is None or sent.upload.image_id != image]
    worker = fleet.start(E2E_SLOW_KEY=slow.upload.location.key, E2E_SLOW_SECONDS="60")
    await until(lambda: len(worker.starts()) == len(others) + 1)
    early = worker.memory
    offsets = await committed(fleet.bootstrap)
    assert offsets[slow.partition] <= slow.offset
    assert all(offset > 0 for partition, offset in offsets.items() if partition != slow.partition)
    await asyncio.sleep(15)
    has_ended = await finished(fleet.bootstrap, fleet.store)
    assert all(map(has_ended, others))
    assert (await committed(fleet.bootstrap))[slow.partition] <= slow.offset
    grown = worker.memory - early
    await auditor.until_done(WITHIN, every=5)
    mebibytes = grown / MEBIBYTE
    tell(f"slow object: {len(others)} others finished beside it, memory grew {mebibytes:.1f} MiB")
    assert grown < 16 * MEBIBYTE
    assert fleet.redeliveries == 0


async def test_a_broken_device_ends_the_worker_and_condemns_nobody(fleet: Fleet) -> None:
    auditor = await send(fleet, 5)  # none of the bad ones yet
    worker = fleet.start(E2E_BROKEN_DEVICE="1")
    code = await asyncio.to_thread(worker.process.wait, 60)
    assert code == 1
    assert await read_all(fleet.bootstrap, topics.DEAD_LETTERS) == ()
    assert set((await committed(fleet.bootstrap)).values()) == {0}
    fleet.start()
    await auditor.until_done(WITHIN)
    assert len((await outcome(fleet.bootstrap, fleet.store)).heads) == 5


async def test_an_s3_that_is_away_at_the_start_and_again_later_is_waited_for(fleet: Fleet) -> None:
    with EmbeddedS3() as s3:
        planned = plan(7, fleet.images)  # none of the bad ones yet
        first = await publish(fleet.bootstrap, planned[:4])
        fleet.environment |= {
            "TAGSTREAM_S3__ENDPOINT_URL": s3.endpoint_url,
            "TAGSTREAM_S3__ACCESS_KEY_ID": s3.credentials.access_key_id,
            "TAGSTREAM_S3__SECRET_ACCESS_KEY": s3.credentials.secret_access_key.get_secret_value(),
            "TAGSTREAM_S3__BUCKETS": json.dumps([BUCKET]),
            "TAGSTREAM_S3__DEADLINE": "2",
        }
        worker = fleet.start()
        await until(lambda: says(worker, "dependency.away", "s3"))  # the bucket does not exist yet
        await put(s3, fleet.images)
        await Auditor(fleet.bootstrap, fleet.store, first).until_done(WITHIN)
        assert s3.pid is not None
        freeze(s3.pid)
        later = await publish(fleet.bootstrap, planned[4:])
        await until(lambda: len(worker.events("dependency.away")) == 2)
        thaw(s3.pid)
        await Auditor(fleet.bootstrap, fleet.store, later).until_done(WITHIN)
    assert worker.is_alive
    assert await read_all(fleet.bootstrap, topics.DEAD_LETTERS) == ()
    assert len(worker.events("dependency.away")) == len(worker.events("dependency.back")) == 2


async def put(s3: EmbeddedS3, images: Path) -> None:
    settings = S3Settings(endpoint_url=s3.endpoint_url, **dict(s3.credentials), buckets=(BUCKET,))
    async with S3Images(settings) as storage:
        await storage.ensure_bucket(BUCKET)
        for path in (images / BUCKET).iterdir():
            await storage.put(Location(bucket=BUCKET, key=path.name), path.read_bytes())


async def test_a_store_that_is_locked_for_a_while_is_waited_for(fleet: Fleet) -> None:
    first = await send(fleet, 100)
    worker = fleet.start()
    await first.until_done(WITHIN)
    locker = sqlite3.connect(fleet.store, isolation_level=None)
    locker.execute("BEGIN EXCLUSIVE")
    sent = await publish(fleet.bootstrap, plan(150, fleet.images)[100:])
    await until(lambda: says(worker, "dependency.away", "store"))
    locker.execute("ROLLBACK")
    locker.close()
    await Auditor(fleet.bootstrap, fleet.store, sent).until_done(WITHIN)
    assert worker.is_alive
    assert fleet.redeliveries == 0


async def test_a_broker_that_is_away_for_a_while_is_waited_for(fleet: Fleet, broker: BrokerProcess) -> None:
    auditor = await send(fleet, 500)
    fleet.environment["E2E_DELAY"] = "0.1"
    worker = fleet.start()
    await until(lambda: len(worker.starts()) > 100)
    broker.freeze()
    await asyncio.sleep(15)
    broker.thaw()
    await auditor.until_done(WITHIN)
    assert worker.is_alive
    letters = (await outcome(fleet.bootstrap, fleet.store)).letters
    assert len(letters) == 500 // 50 * 5


async def test_a_broker_that_is_away_at_the_start_is_waited_for(fleet: Fleet, broker: BrokerProcess) -> None:
    auditor = await send(fleet, 100)
    broker.freeze()
    worker = fleet.start()
    await until(lambda: says(worker, "dependency.away", "broker"))
    broker.thaw()
    await auditor.until_done(WITHIN)
    assert worker.is_alive


async def test_a_worker_that_waits_at_its_start_can_be_stopped(fleet: Fleet, broker: BrokerProcess) -> None:
    fleet.images.mkdir()
    broker.freeze()
    worker = fleet.start()
    await until(lambda: says(worker, "dependency.away", "broker"))
    assert await asyncio.to_thread(worker.stop, 20) == 0


async def test_a_worker_that_is_cut_off_from_its_broker_can_be_stopped_and_loses_nothing(
    fleet: Fleet, broker: BrokerProcess, tell: Tell
) -> None:
    auditor = await send(fleet, 500)
    worker = fleet.start(E2E_DELAY="0.1", TAGSTREAM_KAFKA__DRAIN_LIMIT="3")
    await until(lambda: len(worker.starts()) > 50)
    broker.freeze()
    await asyncio.sleep(1)
    code = await asyncio.to_thread(worker.stop, 40)
    broker.thaw()
    tell(f"cut off from the broker and stopped: exit {code}")
    fleet.start()
    await auditor.until_done(WITHIN)
