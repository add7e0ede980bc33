"""deploy/bucket.py, run as its job runs it, against the embedded S3 endpoint."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from streams.adapters.s3.embedded import CREDENTIALS, EmbeddedS3

ROOT = Path(__file__).parents[2]
TARGET = "arn:aws:sqs:us-east-1:123456789012:uploads"
"""A queue as AWS names it: the embedded endpoint knows no other."""


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with EmbeddedS3() as server:
        yield server.endpoint_url


@pytest.fixture
def storage(endpoint: str) -> Any:
    return boto3.client("s3", endpoint_url=endpoint, **keys())


def keys() -> dict[str, str]:
    secret = CREDENTIALS.secret_access_key.get_secret_value()
    return {
        "aws_access_key_id": CREDENTIALS.access_key_id,
        "aws_secret_access_key": secret,
        "region_name": "us-east-1",
    }


def set_up(endpoint: str, *, buckets: str) -> subprocess.CompletedProcess[str]:
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("TAGSTREAM_", "AWS_"))}
    given = {
        "TAGSTREAM_S3__ENDPOINT_URL": endpoint,
        "TAGSTREAM_S3__REGION": "us-east-1",
        "TAGSTREAM_S3__ACCESS_KEY_ID": CREDENTIALS.access_key_id,
        "TAGSTREAM_S3__SECRET_ACCESS_KEY": CREDENTIALS.secret_access_key.get_secret_value(),
        "TAGSTREAM_S3__BUCKETS": buckets,
    }
    return subprocess.run(
        [sys.executable, "deploy/bucket.py", TARGET],
        cwd=ROOT,
        env=bare | given | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def announced(storage: Any, bucket: str) -> list[tuple[str, list[str]]]:
    found = storage.get_bucket_notification_configuration(Bucket=bucket)
    return [(queue["QueueArn"], queue["Events"]) for queue in found["QueueConfigurations"]]


def test_every_bucket_is_made_and_announces(endpoint: str, storage: Any) -> None:
    ended = set_up(endpoint, buckets='["photos", "archive"]')
    assert ended.returncode == 0, ended.stderr
    for bucket in ("photos", "archive"):
        assert announced(storage, bucket) == [(TARGET, ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"])]


def test_running_it_again_changes_nothing(endpoint: str, storage: Any) -> None:
    set_up(endpoint, buckets='["again"]')
    storage.put_object(Bucket="again", Key="kept.jpg", Body=b"bytes")
    first = announced(storage, "again")
    assert set_up(endpoint, buckets='["again"]').returncode == 0
    assert announced(storage, "again") == first
    assert storage.get_object(Bucket="again", Key="kept.jpg")["Body"].read() == b"bytes"


def test_a_bucket_that_cannot_be_made_fails_the_job(endpoint: str) -> None:
    assert set_up(endpoint, buckets='["No Such Name"]').returncode != 0
