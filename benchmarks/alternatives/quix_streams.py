"""Quix Streams: a streaming dataframe whose rows are tagged one by one, kept by its MongoDB sink in batches.

The sink writes at checkpoints, every 5 s by default; tag events do not wait for one.
https://quix.io/docs/quix-streams/processing.html, https://quix.io/docs/quix-streams/connectors/sinks/mongodb-sink.html
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import boto3
from quixstreams import Application
from quixstreams.sinks.community.mongodb import MongoDBSink

from benchmarks.alternatives import job
from schemas import topics

network = job.Network()
s3 = boto3.client("s3", **job.S3)


def tagged(event: dict[str, Any]) -> dict[str, Any]:
    """The event's photograph: its document, and where it goes."""
    upload = job.Upload.read(event)
    data = s3.get_object(Bucket=upload.bucket, Key=upload.key)["Body"].read()
    (scores,) = network.predict([network.decode(data)])
    document = network.document(upload, scores)
    return {**document, "topics": [each.topic for each in network.events(upload, scores)]}


def announced(row: dict[str, Any]) -> dict[str, Any]:
    """What those who act on tags are told."""
    return {"image_id": row["_id"], "scores": row["scores"], "tags": row["tags"]}


app = Application(
    broker_address=job.BROKERS,
    consumer_group=job.GROUP,
    auto_offset_reset="earliest",
    auto_create_topics=False,
    state_dir=job.FOLDER / "state",
    loglevel="WARNING",
)
rows = app.dataframe(app.topic(job.UPLOADED, key_deserializer="bytes", value_deserializer="json")).apply(
    tagged
)
for name in (topics.TAGGED, topics.MODERATION, topics.AMBIANCE):
    out = app.topic(name, key_serializer="bytes", value_serializer="json")
    rows.filter(lambda row, name=name: name in row["topics"]).apply(announced).to_topic(out)
store = urlsplit(job.STORE)
rows.sink(
    MongoDBSink(
        host=store.hostname,
        port=store.port,
        db=job.DATABASE,
        collection=job.COLLECTION,
        document_matcher=lambda item: {"_id": item.value["_id"]},
        update_method="ReplaceOne",
    )
)

if __name__ == "__main__":
    app.run()
