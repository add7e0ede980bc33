"""Before real workers: batches that nobody can unpack, and records deleted unread. A letter each."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.structs import TopicPartition

from schemas import topics
from schemas.wire.headers import PREFIX
from streams.adapters.kafka.reader import read_all
from tests import raw_batches as batches
from tests.e2e.accounts import Auditor, committed, finished
from tests.e2e.broker_process import BrokerProcess
from tests.e2e.fleet import Fleet
from tests.e2e.traffic import plan, publish
from tests.seen import Tell

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

WITHIN = 60.0
THREE = batches.sound([b"1", b"2", b"3"])
POISON = (
    batches.with_payload(THREE, b"this is no zstd", codec=4),
    batches.with_payload(THREE, b"?", codec=batches.UNKNOWN_CODEC),
    batches.bad_checksum(THREE),
)
PARTITION = 2
ASKS_FOR_NOTHING = json.dumps(
    {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b" * 100_000}
).encode()


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    with BrokerProcess() as broker:
        workers = Fleet(broker.bootstrap, tmp_path)
        yield workers
        workers.end()


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(WITHIN):
        while not happened():
            await asyncio.sleep(0.1)


async def gaps(bootstrap: str, code: str) -> list[tuple[int, int, int]]:
    """Partition, first and last offset of each letter of that cause, in order."""
    letters = [dict(each.headers) for each in await read_all(bootstrap, topics.DEAD_LETTERS)]
    found = [each for each in letters if each[f"{PREFIX}code"] == code.encode()]
    return [
        (int(each[f"{PREFIX}partition"]), int(each[f"{PREFIX}offset"]), int(each[f"{PREFIX}last_offset"]))
        for each in found
    ]


async def test_batches_that_cannot_be_unpacked_are_letters_and_nothing_around_them_is_lost(
    fleet: Fleet, tell: Tell
) -> None:
    planned = plan(60, fleet.images)
    first = await publish(fleet.bootstrap, planned[:30])
    assert await batches.produce(fleet.bootstrap, topics.UPLOADED, PARTITION, *POISON) == [0, 0, 0]
    worker = fleet.start(TAGSTREAM_KAFKA__COMMIT_INTERVAL="60")
    await until(lambda: len(worker.events("records.unread")) == len(POISON))
    await until(lambda: len(worker.starts()) == 30)
    before = (await committed(fleet.bootstrap))[PARTITION]
    fleet.kill(worker)
    sent = first + await publish(fleet.bootstrap, planned[30:])
    survivor = fleet.start()
    auditor = Auditor(fleet.bootstrap, fleet.store, sent)
    await auditor.until_done(WITHIN)
    letters = await gaps(fleet.bootstrap, "unreadable")
    tell(f"poison: {fleet.kills} killed, letters {letters}")
    assert before == 0
    assert survivor.is_alive
    begin = sum(each.partition == PARTITION for each in first)
    named = Counter(offset for place, first, last in letters for offset in range(first, last + 1))
    # Those of the killed one, and once more; where a checksum is wrong it may take a letter an offset.
    assert named == dict.fromkeys(range(begin, begin + 3 * len(POISON)), 2)
    assert {place for place, _, _ in letters} == {PARTITION}


async def test_records_that_the_broker_dropped_unread_are_one_letter_a_partition(fleet: Fleet) -> None:
    await fill(fleet.bootstrap, PARTITION)
    planned = plan(20, fleet.images)
    sent = await publish(fleet.bootstrap, planned)
    worker = fleet.start()
    await Auditor(fleet.bootstrap, fleet.store, sent).until_done(WITHIN)
    (told,) = worker.events("records.unread")
    assert (told["topic"], told["partition"], told["first"]) == (topics.UPLOADED, PARTITION, 0)
    assert await gaps(fleet.bootstrap, "expired") == [(PARTITION, 0, told["last"])]
    assert await asyncio.to_thread(worker.stop, 30) == 0
    again = fleet.start()
    later = await publish(fleet.bootstrap, planned[:4])
    await Auditor(fleet.bootstrap, fleet.store, later).until_done(WITHIN)
    assert again.events("records.unread") == []


async def test_a_group_that_has_committed_beyond_the_end_begins_at_the_oldest_record_and_says_so(
    fleet: Fleet,
) -> None:
    """As after a topic was deleted and made again, on a broker that keeps the offsets."""
    sent = await publish(fleet.bootstrap, plan(40, fleet.images))
    place = TopicPartition(topics.UPLOADED, PARTITION)
    consumer: Any = AIOKafkaConsumer(
        bootstrap_servers=fleet.bootstrap, group_id="tagstream", enable_auto_commit=False
    )
    async with consumer:
        consumer.assign([place])
        await consumer.commit({place: 500})
    worker = fleet.start()
    async with asyncio.timeout(WITHIN):
        while not all(map(await finished(fleet.bootstrap, fleet.store), sent)):
            await asyncio.sleep(0.5)
        while (await committed(fleet.bootstrap))[PARTITION] == 500:
            await asyncio.sleep(0.2)
    (told,) = worker.events("partition.rewound")
    assert (told["partition"], told["wanted"], told["begins"]) == (PARTITION, 500, 0)


async def fill(bootstrap: str, partition: int) -> None:
    """More than the embedded broker keeps of a partition."""
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, max_request_size=2**20) as producer:
        for _ in range(80):
            await producer.send_and_wait(topics.UPLOADED, ASKS_FOR_NOTHING, partition=partition)
