"""Faust, batches of up to 32 by `stream.take`, the I/O of a batch gathered, its forward in a thread.

https://faust-streaming.github.io/faust/userguide/streams.html, "take: buffer up values in the stream"
"""

from __future__ import annotations

import asyncio

import aioboto3
import faust
from pymongo import AsyncMongoClient, ReplaceOne

from benchmarks.alternatives import job

app = faust.App(
    job.GROUP,
    broker=f"kafka://{job.BROKERS}",
    datadir=job.FOLDER,
    topic_partitions=job.PARTITIONS,
    web_enabled=False,
)
uploads = app.topic(job.UPLOADED, value_serializer="raw")
network = job.Network()


@app.agent(uploads)
async def tag(stream: faust.Stream[bytes]) -> None:
    """Batch after batch."""
    store = AsyncMongoClient(job.STORE)[job.DATABASE][job.COLLECTION]
    async with aioboto3.Session().client("s3", **job.S3) as s3:

        async def pixels(upload: job.Upload) -> job.Pixels:
            answer = await s3.get_object(Bucket=upload.bucket, Key=upload.key)
            data = await answer["Body"].read()
            return await asyncio.to_thread(network.decode, data)

        async for values in stream.take(job.BATCH, within=0.1):
            batch = [job.Upload.read(value) for value in values]
            images = await asyncio.gather(*(pixels(upload) for upload in batch))
            rows = await asyncio.to_thread(network.predict, images)
            scored = list(zip(batch, rows, strict=True))
            documents = [network.document(upload, scores) for upload, scores in scored]
            await store.bulk_write(
                [ReplaceOne({"_id": each["_id"]}, each, upsert=True) for each in documents]
            )
            events = [event for upload, scores in scored for event in network.events(upload, scores)]
            sent = [
                await app.send(
                    each.topic, key=each.key, value=each.value, key_serializer="raw", value_serializer="raw"
                )
                for each in events
            ]
            await asyncio.gather(*sent)


if __name__ == "__main__":
    app.main()
