"""What a worker finds: a backlog of uploads, and a store that holds many images already."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from confluent_kafka import Producer

from agents.wiring.backends import s3_settings
from agents.wiring.settings import Settings
from benchmarks import documents
from schemas import topics, wire
from schemas.uploads import ImageUploaded, Location
from streams.adapters.s3.images import S3Images
from streams.adapters.sqlite import rows

OBJECTS: Final = 200
"""Photographs that the uploads share: a worker reads and hashes each anew, under another image's id."""
BYTES: Final = 30_000
TEMPLATE: Final = 99_999_999
"""A number that stands nowhere else in a document, to be replaced by another's."""

_HEAD: Final = (
    "INSERT INTO images (image_id, restaurant_id, state, uploaded_at, document) VALUES (?, ?, ?, ?, ?)"
)
_RECORD: Final = (
    "INSERT INTO scores (image_id, content_version, model_version, scored_at, document) "
    "VALUES (?, ?, ?, ?, ?)"
)


async def put_objects(config: Settings) -> None:
    """Bytes that a tagger without a network takes for photographs."""
    async with S3Images(s3_settings(config)) as storage:
        for number in range(OBJECTS):
            data = number.to_bytes(4) * (BYTES // 4)
            await storage.put(_place(config, number), data)


def publish(config: Settings, first: int, past: int) -> None:
    """Uploads of images that nobody has seen, from one number up to another; by librdkafka, for speed."""
    producer = Producer(
        {
            "bootstrap.servers": config.kafka.brokers,
            "linger.ms": 50,
            "queue.buffering.max.messages": 1_000_000,
        }
    )
    now = datetime.now(UTC)
    template = wire.encode(_upload(config, TEMPLATE, now)).decode()
    for number in range(first, past):
        image = documents.image_id(number)
        text = template.replace(documents.image_id(TEMPLATE), image).replace(f"e-{TEMPLATE}", f"e-{number}")
        text = text.replace(f"growth/{TEMPLATE % OBJECTS}.jpg", f"growth/{number % OBJECTS}.jpg")
        while True:
            try:
                producer.produce(topics.UPLOADED, text.encode(), image.encode())
                break
            except BufferError:
                producer.poll(0.1)
    producer.flush()


def fill_sqlite(path: Path, first: int, past: int) -> None:
    """So many images with a score each, as they would stand after their workers."""
    connection = rows.connect(path, busy_seconds=30)
    try:
        with rows.transaction(connection, writes=True):
            connection.executemany(_HEAD, _heads(first, past))
            connection.executemany(_RECORD, _records(first, past))
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()


async def fill_mongo(url: str, database: str, past: int) -> None:
    """The same in a server of MongoDB's protocol."""
    await documents.fill(url, database, first=0, past=past)


async def fill(config: Settings, path: Path | None, database: str, size: int) -> None:
    """Fill the store that is meant with so many images."""
    if path is not None:
        await asyncio.to_thread(fill_sqlite, path, 0, size)
    elif config.store.url is not None:
        await fill_mongo(config.store.url.get_secret_value(), database, size)


def _upload(config: Settings, number: int, at: datetime) -> ImageUploaded:
    facts = {"location": _place(config, number), "restaurant_id": "growth", "uploaded_at": at}
    facts |= {"image_id": documents.image_id(number), "event_id": f"e-{number}"}
    return ImageUploaded.model_validate(facts)


def _place(config: Settings, number: int) -> Location:
    return Location(bucket=config.s3.buckets[0], key=f"growth/{number % OBJECTS}.jpg")


def _heads(first: int, past: int) -> Iterator[tuple[str, str | None, str, str, str]]:
    head = documents.head(TEMPLATE)
    template = head.model_dump_json()
    for number in range(first, past):
        image = documents.image_id(number)
        text = template.replace(head.image_id, image).replace(f"event-{TEMPLATE}", f"event-{number}")
        yield image, f"r{number % 97}", str(head.state), head.position.uploaded_at.isoformat(), text


def _records(first: int, past: int) -> Iterator[tuple[str, str, str, str, str]]:
    record = documents.record(documents.head(TEMPLATE))
    template, version = record.model_dump_json(), record.scores.model.version
    for number in range(first, past):
        image = documents.image_id(number)
        text = template.replace(record.image_id, image).replace(f"event-{TEMPLATE}", f"event-{number}")
        yield image, record.content_version, version, record.scored_at.isoformat(), text
