"""Embedded stack: a broker and an S3 endpoint here, and the settings that lead a worker to them."""

from __future__ import annotations

import json
import random
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from schemas import topics
from streams.adapters.kafka.connection import EmbeddedBroker
from streams.adapters.s3.embedded import EmbeddedS3
from streams.adapters.s3.images import S3Images
from streams.adapters.s3.settings import S3Credentials, S3Settings

_REGION: Final = "us-east-1"

_PORTS: Final = (20_000, 32_000)
"""Below the range that systems give to outgoing connections, so that none of ours can take it first."""


@dataclass(frozen=True, slots=True)
class EmbeddedStack:
    """Where the embedded parts are."""

    broker: str
    s3: str
    credentials: S3Credentials
    bucket: str
    store: Path
    """The SQLite file."""

    @property
    def settings(self) -> dict[str, object]:
        """The settings of a worker beside them, their names without `TAGSTREAM_`."""
        return {
            "KAFKA__BROKERS": self.broker,
            "S3__ENDPOINT_URL": self.s3,
            "S3__REGION": _REGION,
            "S3__ACCESS_KEY_ID": self.credentials.access_key_id,
            "S3__SECRET_ACCESS_KEY": self.credentials.secret_access_key.get_secret_value(),
            "S3__BUCKETS": json.dumps([self.bucket]),
            "STORE__PATH": self.store,
            "KAFKA__SESSION_TIMEOUT": 3,
            "KAFKA__DRAIN_LIMIT": 15,
            "LOG__FORMAT": "json",
            "METRICS__HOST": "127.0.0.1",
        }

    @property
    def storage(self) -> S3Settings:
        """Of its bucket."""
        credentials = dict(self.credentials)
        return S3Settings(endpoint_url=self.s3, region=_REGION, buckets=(self.bucket,), **credentials)


@asynccontextmanager
async def open_stack(bucket: str, store: Path) -> AsyncIterator[EmbeddedStack]:
    """A broker with all topics and an S3 endpoint with that bucket, on loopback, while the block runs."""
    with EmbeddedBroker() as broker, EmbeddedS3() as endpoint:
        broker.create(*topics.ALL, topics.CONTROL)
        stack = EmbeddedStack(broker.bootstrap, endpoint.endpoint_url, endpoint.credentials, bucket, store)
        async with S3Images(stack.storage) as images:
            await images.ensure_bucket(bucket)
        yield stack


def free_port() -> int:
    """A loopback port that nobody listens on."""
    while True:
        port = random.randint(*_PORTS)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port
