"""Images that kill whoever decodes them: real workers, real decoders, and no worker is stopped by any."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from schemas import topics
from schemas.uploads import ImageUploaded
from streams.adapters.kafka.connection import EmbeddedBroker
from streams.adapters.kafka.reader import read_all
from tests.e2e.accounts import Auditor, outcome
from tests.e2e.fleet import Fleet, Worker
from tests.e2e.traffic import START, Planned, publish
from tests.e2e.worker_under_test import BUCKET
from tests.seen import Tell
from tests.unit.deadly_decoding import HERE
from tests.unit.decoder_builders import exists, lines

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

WITHIN = 120.0
GOOD = 50
PREEMPTIONS = 10
DEADLY = {
    "abort": b"SIGABRT",
    "segfault": b"SIGSEGV",
    "eat": b"more than 268,435,456 bytes of memory",
    "kill": b"SIGKILL",
}
"""By what each image does: what its dead letter says. SIGKILL is how the kernel ends what eats too much."""


@pytest.fixture
async def fleet(tmp_path: Path) -> AsyncIterator[Fleet]:
    with EmbeddedBroker() as broker:
        broker.create(topics.UPLOADED, *topics.OUTBOUND)
        decoding = {"E2E_DECODE": HERE, "TAGSTREAM_DECODE__MEMORY": str(2**28)}
        fleet = Fleet(broker.bootstrap, tmp_path, decoding)
        yield fleet
        fleet.end()


async def send(fleet: Fleet, images: dict[str, bytes], *, bad: str | None = None) -> Auditor:
    """Put the images and publish them in order; the one called `bad` is to end as a dead letter."""
    (fleet.images / BUCKET).mkdir(parents=True)
    planned: list[Planned] = []
    for key, data in images.items():
        (fleet.images / BUCKET / key).write_bytes(data)
        location = {"bucket": BUCKET, "key": key}
        upload = ImageUploaded.model_validate(
            {"location": location, "uploaded_at": START, "event_id": key, "restaurant_id": "r"}
        )
        planned.append((upload.image_id.encode(), upload.model_dump_json().encode(), upload, key == bad))
    return Auditor(fleet.bootstrap, fleet.store, await publish(fleet.bootstrap, planned))


async def until_begun(journal: Path, count: int, worker: Worker) -> None:
    async with asyncio.timeout(WITHIN):
        while len(lines(journal)) < count:
            assert worker.is_alive, worker.log.read_text()[-2000:]
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("deed", DEADLY)
async def test_one_deadly_image_among_fifty_is_buried_and_stops_nothing(fleet: Fleet, deed: str) -> None:
    images = {f"{number}.jpg": f"good {number}".encode() for number in range(GOOD)}
    images["25.jpg"] = deed.encode()
    images["last.jpg"] = b"good last"
    auditor = await send(fleet, images, bad="25.jpg")
    worker = fleet.start()
    await auditor.until_done(WITHIN)
    assert worker.is_alive
    assert fleet.redeliveries == 0
    ended = await outcome(fleet.bootstrap, fleet.store)
    assert len(ended.heads) == GOOD
    (letter,) = await read_all(fleet.bootstrap, topics.DEAD_LETTERS)
    headers = dict(letter.headers)
    assert headers["__connect.errors.code"] == b"deadly"
    assert headers["__connect.errors.stage"] == b"decode"
    assert headers["__connect.errors.exception.class.name"] == b"DeadlyImage"
    assert headers["__connect.errors.exception.message"].endswith(DEADLY[deed])
    assert len(worker.events("decoder.died")) == 4
    assert worker.stop(within=30) == 0


async def test_ten_preemptions_condemn_no_image(fleet: Fleet, tmp_path: Path, tell: Tell) -> None:
    journal = tmp_path / "journal"
    slow = f"tell {journal} sleep 3"
    auditor = await send(fleet, {"slow.jpg": slow.encode(), "other.jpg": b"good other"})
    decoding: list[str] = []
    for number in range(PREEMPTIONS):
        worker = fleet.start()
        await until_begun(journal, number + 1, worker)
        decoding += children(worker)
        fleet.kill(worker)
    fleet.start()
    await auditor.until_done(WITHIN)
    told = lines(journal)
    assert told == ["begins sleep 3"] * (PREEMPTIONS + 1) + ["ends sleep 3"]
    assert await read_all(fleet.bootstrap, topics.DEAD_LETTERS) == ()
    assert len((await outcome(fleet.bootstrap, fleet.store)).heads) == 2
    assert len(decoding) >= PREEMPTIONS
    assert not [pid for pid in decoding if exists(int(pid))]
    tell(f"{fleet.kills} preemptions, {fleet.redeliveries} redeliveries, nobody condemned")


def children(worker: Worker) -> list[str]:
    """Of a process that runs the kernel may leave one out."""
    pid = worker.process.pid
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
