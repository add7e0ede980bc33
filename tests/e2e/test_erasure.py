"""An erasure beside running workers: nothing that was said before brings an image back, and -9 is no end."""

import asyncio
import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from agents.testing import LABELS
from operations.erasure_receipt import Receipt, hashed
from schemas import topics, wire
from schemas.events import DeadLetter
from schemas.records import ImageHead
from schemas.uploads import ImageUploaded, Location
from streams.adapters.kafka.connection import EmbeddedBroker
from streams.adapters.kafka.reader import TopicReader, read_all
from streams.adapters.s3.embedded import EmbeddedS3
from streams.adapters.s3.images import S3Images
from streams.adapters.s3.settings import S3Settings
from streams.adapters.sqlite.store import SqliteScores
from tests.e2e.accounts import committed
from tests.e2e.fleet import ROOT, Fleet
from tests.e2e.worker_under_test import BUCKET
from tests.seen import Tell

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

WITHIN = 90.0
OWNER = "uploader-7"


@pytest.fixture(scope="module")
def s3() -> Iterator[EmbeddedS3]:
    with EmbeddedS3() as running:
        yield running


@pytest.fixture
async def images(s3: EmbeddedS3) -> AsyncIterator[S3Images]:
    where = S3Settings(endpoint_url=s3.endpoint_url, **dict(s3.credentials), buckets=(BUCKET,))
    async with S3Images(where) as opened:
        await opened.ensure_bucket(BUCKET)
        await opened._client.put_bucket_versioning(
            Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"}
        )
        yield opened


@pytest.fixture
def fleet(tmp_path: Path, s3: EmbeddedS3) -> Iterator[Fleet]:
    storage = {
        "TAGSTREAM_S3__ENDPOINT_URL": s3.endpoint_url,
        "TAGSTREAM_S3__BUCKETS": json.dumps([BUCKET]),
        "AWS_ACCESS_KEY_ID": s3.credentials.access_key_id or "",
        "AWS_SECRET_ACCESS_KEY": "embedded-has-no-secrets",
    }
    with EmbeddedBroker() as broker:
        broker.create(*topics.ALL, topics.REDRIVEN)
        workers = Fleet(broker.bootstrap, tmp_path, environment=storage)
        yield workers
        workers.end()


def command(fleet: Fleet, *words: str) -> tuple[list[str], dict[str, str]]:
    settings = {
        "TAGSTREAM_KAFKA__BROKERS": fleet.bootstrap,
        "TAGSTREAM_STORE__PATH": str(fleet.store),
        **fleet.environment,
    }
    return [sys.executable, "-m", "tagstream", *words], os.environ | settings


async def tagstream(fleet: Fleet, *words: str) -> Any:
    line, environment = command(fleet, *words)
    ran = await asyncio.to_thread(
        subprocess.run,
        line,
        cwd=fleet.folder,
        env=environment | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


async def head_of(fleet: Fleet, image: str) -> ImageHead | None:
    if not fleet.store.exists():
        return None
    async with SqliteScores(fleet.store) as scores:
        return await scores.head(image)


async def a_photograph(images: S3Images, key: str, *, label: str, by: str = OWNER) -> ImageUploaded:
    """Bytes that the fake tagger sees `label` in, put into storage, and the event that says so."""
    place = LABELS.index(label)
    for number in range(100_000):
        data = f"{key} {number}".encode()
        digest = hashlib.sha256(data + b"1").digest()
        if {at for at in range(len(LABELS)) if digest[at] / 255 >= 0.7} == {place}:
            put = await images.put(Location(bucket=BUCKET, key=key), data)
            facts = {"location": put, "uploader_id": by, "restaurant_id": "secret-restaurant"}
            return ImageUploaded.model_validate(facts | {"uploaded_at": datetime.now(UTC)})
    raise AssertionError("no such bytes were found")


async def send(fleet: Fleet, *uploads: ImageUploaded) -> None:
    async with AIOKafkaProducer(bootstrap_servers=fleet.bootstrap, acks="all") as producer:
        for upload in uploads:
            await producer.send_and_wait(topics.UPLOADED, wire.encode(upload), key=upload.image_id.encode())


async def send_raw(fleet: Fleet, topic: str, key: str, value: bytes, headers: Any = ()) -> None:
    async with AIOKafkaProducer(bootstrap_servers=fleet.bootstrap, acks="all") as producer:
        await producer.send_and_wait(topic, value, key=key.encode(), headers=list(headers))


async def announced(fleet: Fleet, *uploads: ImageUploaded) -> None:
    async with asyncio.timeout(WITHIN):
        for upload in uploads:
            while not ((head := await head_of(fleet, upload.image_id)) and head.is_announced and head.scores):
                await asyncio.sleep(0.1)


async def all_is_handled(fleet: Fleet) -> None:
    async with asyncio.timeout(WITHIN):
        async with TopicReader(fleet.bootstrap, topics.UPLOADED) as reader:
            ends = await reader.ends()
        while any(offset < ends[number] for number, offset in (await committed(fleet.bootstrap)).items()):
            await asyncio.sleep(0.2)


async def said(fleet: Fleet, topic: str, image: str) -> list[dict[str, Any] | None]:
    messages = await read_all(fleet.bootstrap, topic)
    mine = [m for m in messages if (m.key or b"").decode() == image or image.encode() in (m.value or b"")]
    return [json.loads(message.value) if message.value else None for message in mine]


def old_notification(key: str, when: datetime) -> bytes:
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventTime": when.isoformat(),
        "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": BUCKET}, "object": {"key": key, "sequencer": "0A"}},
    }
    return json.dumps({"Records": [record]}).encode()


async def test_nothing_that_was_said_before_an_erasure_brings_an_image_back(
    fleet: Fleet, images: S3Images, tell: Tell
) -> None:
    worker = fleet.start()
    upload = await a_photograph(images, "secret/menu.jpg", label="menu")
    shown = await a_photograph(images, "secret/lounge.jpg", label="ambiance")
    other = await a_photograph(images, "other/food.jpg", label="food", by="somebody-else")
    await send(fleet, upload, shown, other)
    await announced(fleet, upload, shown, other)
    receipt = fleet.folder / "receipt.json"
    done = await tagstream(
        fleet, "erase", "--uploader", OWNER, "--objects", "--receipt", str(receipt), "--yes", "--json"
    )
    kept = Receipt.model_validate_json(receipt.read_bytes())
    assert kept.digest == kept.expected_digest
    assert {line.image: line.outcome for line in kept.images} == {
        hashed(each.image_id): "erased" for each in (upload, shown)
    }
    assert sum(line.versions_deleted for line in kept.images) == 2
    assert not [word for word in ("secret", OWNER, upload.image_id) if word in receipt.read_text()]
    assert done["standing"] == []
    assert not await images.exists(upload.location)

    await send(fleet, upload, shown)  # redelivered
    await send_raw(fleet, topics.UPLOADED, "k", old_notification("secret/menu.jpg", upload.uploaded_at))
    letter = DeadLetter(
        key=upload.image_id.encode(),
        value=wire.encode(upload),
        source=(topics.UPLOADED, 0, 1),
        image_id=upload.image_id,
        stage="fetch",
        code="gone",
        exception="Gone",
        message="gone",
    )
    await send_raw(fleet, topics.DEAD_LETTERS, upload.image_id, letter.value, letter.causes.items())
    redriven = await tagstream(fleet, "dlq", "redrive", "--all", "--yes", "--json")
    assert redriven["redriven"] == 1
    await all_is_handled(fleet)
    fleet.kill(worker)
    fleet.start(E2E_VERSION="2")  # a model that has scored none of them
    replayed = await tagstream(fleet, "replay", "--from", "earliest", "--model", "2", "--force", "--json")

    again = await tagstream(fleet, "erase", "--uploader", OWNER, "--yes", "--json")
    assert again == {"images": 0}
    for each in (upload, shown):
        head = await head_of(fleet, each.image_id)
        assert head is not None
        assert head.is_erased
        assert head.is_announced
        assert not [word for word in ("secret", OWNER) if word in head.model_dump_json()]
        assert (await said(fleet, topics.LATEST, each.image_id))[-1] is None
        async with SqliteScores(fleet.store) as scores:
            assert await scores.records(each.image_id) == ()
    told = [e["action"] for e in await said(fleet, topics.MODERATION, upload.image_id) if e]
    assert told == ["added", "removed"]
    assert [e["action"] for e in await said(fleet, topics.AMBIANCE, shown.image_id) if e] == [
        "added",
        "removed",
    ]
    last = (await said(fleet, topics.AMBIANCE, shown.image_id))[-1]
    assert last is not None
    assert last["location"] == {"bucket": "erased", "key": shown.image_id}
    assert (await head_of(fleet, other.image_id)) is not None

    fresh = (await a_photograph(images, "secret/menu.jpg", label="food")).model_copy(
        update={"uploaded_at": datetime.now(UTC) + timedelta(seconds=1)}
    )
    await send(fleet, fresh)
    await announced(fleet, fresh)
    tell(f"erasure: {len(kept.topics)} topics in the receipt; a replay then said {replayed}")


async def test_an_erasure_that_is_killed_again_and_again_ends_the_same(
    fleet: Fleet, images: S3Images, tell: Tell
) -> None:
    fleet.start()
    uploads = [await a_photograph(images, f"r{n}/{n}.jpg", label="menu") for n in range(30)]
    await send(fleet, *uploads)
    await announced(fleet, *uploads)
    receipt = fleet.folder / "receipt.json"
    kills = 0
    for least in (1, 8, 16):
        if await killed_behind(fleet, least, receipt):
            kills += 1
    await tagstream(
        fleet, "erase", "--uploader", OWNER, "--objects", "--receipt", str(receipt), "--yes", "--json"
    )
    tell(f"erasure: killed {kills} times, then finished")
    assert kills
    kept = Receipt.model_validate_json(receipt.read_bytes())
    assert kept.state == "finished"
    assert {line.image for line in kept.images} == {hashed(each.image_id) for each in uploads}
    async with SqliteScores(fleet.store) as scores:
        heads = [head for head in await scores.scan(limit=1000) if head.is_erased]
        assert len(heads) == len(uploads)
        assert all(head.is_announced for head in heads)
        assert await scores.of_uploader(OWNER) == ()
    for each in uploads:
        assert not await images.exists(each.location)
        assert [e["action"] for e in await said(fleet, topics.MODERATION, each.image_id) if e][
            -1
        ] == "removed"
        assert (await said(fleet, topics.LATEST, each.image_id))[-1] is None


async def test_erasures_beside_busy_workers_that_are_killed_leave_nothing(
    fleet: Fleet, images: S3Images, tell: Tell
) -> None:
    workers = [fleet.start(E2E_DELAY="2") for _ in range(2)]
    labels = ("menu", "ambiance", "human")
    uploads = [await a_photograph(images, f"r/{n}.jpg", label=labels[n % 3]) for n in range(90)]
    await send(fleet, *uploads)
    await announced(fleet, uploads[0])
    erased = []
    for run in range(4):
        told = await tagstream(fleet, "erase", "--uploader", OWNER, "--yes", "--json")
        erased.append(len(told["receipt"]["images"]) if "receipt" in told else 0)
        if run < len(workers):
            fleet.kill(workers[run])
            fleet.start(E2E_DELAY="1")
    await all_is_handled(fleet)
    await tagstream(fleet, "erase", "--uploader", OWNER, "--yes", "--json")
    tell(f"erasure: {fleet.kills} workers killed, {erased} erased meanwhile, {fleet.redeliveries} came again")
    async with SqliteScores(fleet.store) as scores:
        heads = await scores.heads([each.image_id for each in uploads])
        assert [head.image_id for head in heads.values() if not (head.is_erased and head.is_announced)] == []
        assert [await scores.records(image) for image in heads] == [()] * len(uploads)
    for topic in (topics.MODERATION, topics.AMBIANCE):
        standing: dict[tuple[str, str], tuple[int, str]] = {}
        for message in await read_all(fleet.bootstrap, topic):
            event = json.loads(message.value or b"{}")
            place = (event["image_id"], event["label"])
            standing[place] = max(standing.get(place, (0, "")), (event["revision"], event["action"]))
        assert {action for _, action in standing.values()} == {"removed"}
    last = {message.key: message.value for message in await read_all(fleet.bootstrap, topics.LATEST)}
    assert set(last.values()) == {None}


async def killed_behind(fleet: Fleet, least: int, receipt: Path) -> bool:
    """Start the erasure, and kill it once so many images are erased; whether it died of that."""
    line, environment = command(
        fleet, "erase", "--uploader", OWNER, "--objects", "--receipt", str(receipt), "--yes", "--json"
    )
    with (fleet.folder / "erase.log").open("wb") as log:
        process = subprocess.Popen(
            line, cwd=fleet.folder, env=environment | {"PYTHONPATH": str(ROOT)}, stdout=log, stderr=log
        )
    async with SqliteScores(fleet.store) as scores:
        while process.poll() is None:
            if sum(head.erased is not None for head in await scores.scan(limit=1000)) >= least:
                process.send_signal(signal.SIGKILL)
                break
            await asyncio.sleep(0)
    return await asyncio.to_thread(process.wait, 60) == -signal.SIGKILL
