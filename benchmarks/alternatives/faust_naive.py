"""Faust, an event at a time: the agent of every introduction.

https://faust-streaming.github.io/faust/userguide/agents.html
"""

from __future__ import annotations

import asyncio

import aioboto3
import faust
from pymongo import AsyncMongoClient

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
    """Photograph after photograph."""
    store = AsyncMongoClient(job.STORE)[job.DATABASE][job.COLLECTION]
    async with aioboto3.Session().client("s3", **job.S3) as s3:
        async for value in stream:
            upload = job.Upload.read(value)
            answer = await s3.get_object(Bucket=upload.bucket, Key=upload.key)
            image = await asyncio.to_thread(network.decode, await answer["Body"].read())
            (scores,) = await asyncio.to_thread(network.predict, [image])
            document = network.document(upload, scores)
            await store.replace_one({"_id": upload.image_id}, document, upsert=True)
            for event in network.events(upload, scores):
                await app.send(
                    event.topic,
                    key=event.key,
                    value=event.value,
                    key_serializer="raw",
                    value_serializer="raw",
                )


if __name__ == "__main__":
    app.main()
