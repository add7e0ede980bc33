"""All that is bad at once, at a real worker with its real model: a dead letter each, and it goes on."""

import asyncio
import json
import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from schemas import topics
from schemas.identity import image_id
from schemas.uploads import Location
from streams.adapters.kafka.connection import EmbeddedBroker
from streams.adapters.kafka.reader import read_all
from streams.adapters.s3.embedded import EmbeddedS3
from streams.adapters.s3.images import S3Images
from streams.adapters.s3.settings import S3Settings
from tagstream import samples
from tests.e2e.accounts import committed, source
from tests.e2e.fleet import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

BUCKET = "photos"
MEBIBYTE = 2**20


def bomb() -> bytes:
    """A PNG of 30,000 x 30,000 black pixels, one bit each, in a hundred kilobytes."""
    side = 30_000
    row = b"\0" + bytes(side // 8)
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", packed), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def objects() -> dict[str, bytes]:
    photograph = next(path for path in samples.photographs() if path.name == "coffee.jpg").read_bytes()
    return {
        "good.jpg": photograph,
        "empty.jpg": b"",
        "document.jpg": b"%PDF-1.7\n1 0 obj << /Type /Catalog >> endobj\n" * 50,
        "truncated.jpg": photograph[: len(photograph) // 2],
        "bomb.png": bomb(),
        "huge.jpg": bytes(200 * MEBIBYTE),
    }


EXPECTED = {
    "empty.jpg": "undecodable",
    "document.jpg": "undecodable",
    "truncated.jpg": "undecodable",
    "bomb.png": "too_many_pixels",
    "huge.jpg": "too_large",
    "never-uploaded.jpg": "gone",
    "elsewhere.jpg": "not_allowed",
}


def event(key: str) -> bytes:
    bucket = "secrets" if key == "elsewhere.jpg" else BUCKET
    location = {"bucket": bucket, "key": key}
    return json.dumps({"location": location, "uploaded_at": "2026-01-01T00:00:00Z"}).encode()


async def put_all(s3: EmbeddedS3) -> None:
    settings = S3Settings(endpoint_url=s3.endpoint_url, **dict(s3.credentials), buckets=(BUCKET,))
    async with S3Images(settings) as storage:
        await storage.ensure_bucket(BUCKET)
        for key, data in objects().items():
            await storage.put(Location(bucket=BUCKET, key=key), data)


async def publish(bootstrap: str, values: list[bytes]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all")
    await producer.start()
    for value in values:
        await producer.send_and_wait(
            topics.UPLOADED, value, key=b"one partition", headers=[("from", b"a test")]
        )
    await producer.stop()


@contextmanager
def worker(bootstrap: str, s3: EmbeddedS3, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    settings = {
        "TAGSTREAM_KAFKA__BROKERS": bootstrap,
        "TAGSTREAM_S3__ENDPOINT_URL": s3.endpoint_url,
        "TAGSTREAM_S3__ACCESS_KEY_ID": s3.credentials.access_key_id,
        "TAGSTREAM_S3__SECRET_ACCESS_KEY": s3.credentials.secret_access_key.get_secret_value(),
        "TAGSTREAM_S3__BUCKETS": json.dumps([BUCKET]),
        "TAGSTREAM_STORE__PATH": str(folder / "scores.sqlite"),
        "TAGSTREAM_MODEL__DEVICE": "cpu",
        "TAGSTREAM_DEFERRAL__GONE": "0",
    }
    command = [sys.executable, "-m", "tagstream", "worker"]
    with (folder / "worker.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=os.environ | settings, stdout=log, stderr=log)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


async def test_every_kind_of_bad_input_gets_a_dead_letter_with_its_cause_and_its_bytes(
    tmp_path: Path,
) -> None:
    malformed = [b"", b"not json", b'{"uploaded_at": "2026-01-01T00:00:00Z"}', b"\xff\xfe"]
    values = [*malformed, *map(event, EXPECTED), event("good.jpg")]
    with EmbeddedBroker() as broker, EmbeddedS3() as s3:
        broker.create(topics.UPLOADED, *topics.OUTBOUND)
        await put_all(s3)
        await publish(broker.bootstrap, values)
        with worker(broker.bootstrap, s3, tmp_path) as process:
            async with asyncio.timeout(120):
                while sum((await committed(broker.bootstrap)).values()) < len(values):
                    assert process.poll() is None, (tmp_path / "worker.log").read_text()[-2000:]
                    await asyncio.sleep(0.5)
            assert process.poll() is None
            process.terminate()
            assert await asyncio.to_thread(process.wait, 20) == 0
        letters = await read_all(broker.bootstrap, topics.DEAD_LETTERS)
        tagged = await read_all(broker.bootstrap, topics.TAGGED)
    assert [json.loads(record.value or b"")["location"]["key"] for record in tagged] == ["good.jpg"]
    assert {source(letter)[1]: letter.value for letter in letters} == dict(enumerate(values[:-1]))
    assert all(dict(letter.headers)["from"] == b"a test" for letter in letters)
    causes = {
        dict(letter.headers).get("__connect.errors.image_id", b"").decode(): dict(letter.headers)[
            "__connect.errors.code"
        ].decode()
        for letter in letters
    }
    assert causes.pop("") == "malformed"
    ids = {key: image_id("secrets" if key == "elsewhere.jpg" else BUCKET, key) for key in EXPECTED}
    assert causes == {ids[key]: code for key, code in EXPECTED.items()}


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("TAGSTREAM_KAFKA__BROKER", "x:1", "TAGSTREAM_KAFKA__BROKER is not a setting"),
        ("TAGSTREAM_BATCH__MAX_SIZE", "many", "TAGSTREAM_BATCH__MAX_SIZE: "),
        ("TAGSTREAM_BATCH__INTAKE", "1", "TAGSTREAM_BATCH__INTAKE: "),
        ("TAGSTREAM_MODEL__FOLDER", "no-such-folder", "TAGSTREAM_MODEL__FOLDER: no-such-folder"),
        ("TAGSTREAM_STORE__PATH", "no-such-folder/scores.sqlite", "TAGSTREAM_STORE__PATH: "),
        ("TAGSTREAM_S3__BUCKETS", "photos", "TAGSTREAM_S3__BUCKETS: "),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_it_and_exit_code_2(name: str, value: str, says: str) -> None:
    command = [sys.executable, "-m", "tagstream", "worker"]
    ended = subprocess.run(
        command, cwd=ROOT, env=os.environ | {name: value}, capture_output=True, timeout=100, check=False
    )
    assert ended.returncode == 2
    last = ended.stderr.decode().strip().splitlines()[-1]
    assert last.startswith("tagstream: ")
    assert says in last
    assert "Traceback" not in ended.stderr.decode()
