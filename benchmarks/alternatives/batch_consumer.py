"""aiokafka beside a model server: batches of up to 32 events, whose photographs it is asked about at once.

https://aiokafka.readthedocs.io/en/stable/consumer.html, "Manual commit" and "Batch consumption"
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import aioboto3
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from pymongo import AsyncMongoClient, ReplaceOne

from benchmarks.alternatives import job

Ask = Callable[[bytes], Awaitable[job.Scores]]
"""What the server says of a photograph's bytes."""


async def consume(ask: Ask) -> None:
    """Batch after batch, for ever."""
    network = job.Network()  # for its labels, thresholds and routes
    store = AsyncMongoClient(job.STORE)[job.DATABASE][job.COLLECTION]
    consumer = AIOKafkaConsumer(
        job.UPLOADED,
        bootstrap_servers=job.BROKERS,
        group_id=job.GROUP,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    producer = AIOKafkaProducer(bootstrap_servers=job.BROKERS, linger_ms=5)
    async with consumer, producer, aioboto3.Session().client("s3", **job.S3) as s3:

        async def scores(upload: job.Upload) -> job.Scores:
            answer = await s3.get_object(Bucket=upload.bucket, Key=upload.key)
            return await ask(await answer["Body"].read())

        while True:
            batches = await consumer.getmany(timeout_ms=1000, max_records=job.BATCH)
            uploads = [job.Upload.read(record.value) for records in batches.values() for record in records]
            if not uploads:
                continue
            rows = await asyncio.gather(*(scores(upload) for upload in uploads))
            scored = list(zip(uploads, rows, strict=True))
            documents = [network.document(upload, row) for upload, row in scored]
            await store.bulk_write(
                [ReplaceOne({"_id": each["_id"]}, each, upsert=True) for each in documents]
            )
            events = [event for upload, row in scored for event in network.events(upload, row)]
            sent = [await producer.send(each.topic, each.value, key=each.key) for each in events]
            await asyncio.gather(*sent)
            await consumer.commit()
