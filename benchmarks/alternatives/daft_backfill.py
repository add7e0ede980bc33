"""Daft, for a backfill: URLs downloaded by its engine, decoded and scored in batches, rows to MongoDB.

It reads no broker and tells nobody of a tag. A line on standard input names a file of uploads; an empty line
comes back when their rows are stored.
https://docs.daft.ai/en/stable/custom-code/cls/, https://docs.daft.ai/en/stable/custom-code/func/
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import daft
from daft import DataType, Schema, Series
from daft.io import IOConfig, S3Config
from daft.io.sink import DataSink, WriteResult
from daft.recordbatch import MicroPartition
from pymongo import MongoClient, ReplaceOne

from benchmarks.alternatives import job

network = job.Network()
SIDE = network.manifest.input.size
IO = IOConfig(
    s3=S3Config(
        endpoint_url=job.S3["endpoint_url"],
        region_name=job.S3["region_name"],
        key_id=job.S3["aws_access_key_id"],
        access_key=job.S3["aws_secret_access_key"],
        use_ssl=False,
    )
)


@daft.func.batch(return_dtype=DataType.tensor(DataType.uint8(), (3, SIDE, SIDE)))
def decoded(data: Series) -> list[Any]:
    """Bytes to pixels."""
    return [network.decode(each) for each in data.to_pylist()]


@daft.func.batch(return_dtype=DataType.string(), batch_size=job.BATCH)
def scored(pixels: Series) -> list[str]:
    """Pixels to probabilities."""
    return [json.dumps(row) for row in network.predict(pixels.to_pylist())]


class MongoSink(DataSink[int]):
    """A collection of MongoDB's, as Daft writes to what it does not know."""

    def schema(self) -> Schema:
        """Of what is said in the end."""
        return Schema._from_field_name_and_types([("rows", DataType.int64())])  # noqa: SLF001 - as theirs do

    def write(self, micropartitions: Iterator[MicroPartition]) -> Iterator[WriteResult[int]]:
        """Part after part."""
        with MongoClient(job.STORE) as client:
            collection = client[job.DATABASE][job.COLLECTION]
            for part in micropartitions:
                changes = [_change(row) for row in part.to_pylist()]
                if changes:
                    collection.bulk_write(changes)
                yield WriteResult(result=len(changes), bytes_written=0, rows_written=len(changes))

    def finalize(self, write_results: list[WriteResult[int]]) -> MicroPartition:
        """How many there were."""
        return MicroPartition.from_pydict({"rows": [sum(each.rows_written for each in write_results)]})


def _change(row: dict[str, Any]) -> ReplaceOne[dict[str, Any]]:
    upload = job.Upload(row["image_id"], row["bucket"], row["key"])
    document = network.document(upload, json.loads(row["scores"]))
    return ReplaceOne({"_id": upload.image_id}, document, upsert=True)


def backfill(uploads: list[dict[str, str]]) -> None:
    """All of them, from their objects to their rows."""
    columns = {name: [each[name] for each in uploads] for name in ("image_id", "bucket", "key")}
    columns["url"] = [f"s3://{each['bucket']}/{each['key']}" for each in uploads]
    frame = daft.from_pydict(columns)
    frame = frame.with_column("data", frame["url"].download(io_config=IO))
    frame = frame.with_column("pixels", decoded(frame["data"]))
    frame = frame.with_column("scores", scored(frame["pixels"]))
    frame.select("image_id", "bucket", "key", "scores").write_sink(MongoSink())


if __name__ == "__main__":
    for line in sys.stdin:
        backfill(json.loads(Path(line.strip()).read_text()))
        print(flush=True)
