"""A bucket of an S3 endpoint of its own, with drawn photographs, for batch jobs of real processes."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import boto3
import numpy as np
from PIL import Image

from streams.adapters.s3.embedded import EmbeddedS3
from tests.freezing import freeze, thaw

BUCKET: Final = "photos"
PHOTOGRAPHS: Final = 50
"""So many that a chunk which names all of them takes some tenths of a second."""
KEYS: Final = tuple(f"r1/{number}.png" for number in range(PHOTOGRAPHS))
BROKEN: Final = "r1/broken.png"


class BatchStorage:
    """The endpoint's bucket, seen by a plain client that knows nothing of Tagstream."""

    def __init__(self, endpoint: EmbeddedS3) -> None:
        secret = endpoint.credentials.secret_access_key.get_secret_value()
        self._endpoint = endpoint
        self.settings: Mapping[str, object] = {
            "S3__ENDPOINT_URL": endpoint.endpoint_url,
            "S3__REGION": "us-east-1",
            "S3__ACCESS_KEY_ID": endpoint.credentials.access_key_id,
            "S3__SECRET_ACCESS_KEY": secret,
            "S3__BUCKETS": json.dumps([BUCKET]),
        }
        self._client: Any = boto3.client(
            "s3",
            endpoint_url=endpoint.endpoint_url,
            region_name="us-east-1",
            aws_access_key_id=endpoint.credentials.access_key_id,
            aws_secret_access_key=secret,
        )

    def fill(self) -> None:
        """Make the bucket and put all photographs, and one that is none."""
        self._client.create_bucket(Bucket=BUCKET)
        for number, key in enumerate(KEYS):
            self.put(key, picture(number))
        self.put(BROKEN, picture(0)[:60])

    def put(self, key: str, data: bytes) -> None:
        self._client.put_object(Bucket=BUCKET, Key=key, Body=data)

    def delete(self, key: str) -> None:
        self._client.delete_object(Bucket=BUCKET, Key=key)

    def read(self, key: str) -> bytes:
        found: bytes = self._client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return found

    def listed(self, prefix: str) -> dict[str, tuple[str, object]]:
        """What stands below the prefix: by its key, the content's etag and when it was put."""
        found = self._client.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", ())
        return {each["Key"]: (each["ETag"], each["LastModified"]) for each in found}

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """It answers nobody within the block."""
        pid = self._endpoint.pid
        assert pid is not None
        freeze(pid)
        try:
            yield
        finally:
            thaw(pid)

    def rows(self, prefix: str) -> list[dict[str, str]]:
        """Those of all parts below the prefix, in the order of the manifest, which says the truth of each."""
        found: list[dict[str, str]] = []
        for part in self.manifest(prefix)["parts"]:
            data = self.read(part["key"])
            assert (part["sha256"], part["bytes"]) == (hashlib.sha256(data).hexdigest(), len(data))
            rows = list(csv.DictReader(io.StringIO(data.decode(), newline="")))
            assert part["rows"] == len(rows)
            assert part["failed"] == sum(row["status"] == "failed" for row in rows)
            found += rows
        return found

    def manifest(self, prefix: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.read(f"{prefix}manifest.json"))
        return found


@contextmanager
def batch_storage() -> Iterator[BatchStorage]:
    """Filled."""
    with EmbeddedS3() as endpoint:
        storage = BatchStorage(endpoint)
        storage.fill()
        yield storage


def picture(seed: int) -> bytes:
    """Stripes of two colours: networks of random weights see something else in each."""
    random = np.random.default_rng(seed)
    pixels = np.zeros((32, 32, 3), np.uint8)
    pixels[:] = random.integers(0, 256, 3)
    pixels[:: int(random.integers(2, 9))] = random.integers(0, 256, 3)
    made = io.BytesIO()
    Image.fromarray(pixels).save(made, "PNG")
    return made.getvalue()


def listing(images: Iterable[str]) -> bytes:
    """A list with a number of each row's own."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(("number", "image"))
    writer.writerows(enumerate(images))
    return file.getvalue().encode()
