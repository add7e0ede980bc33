"""Embedded stack: the settings that lead a worker to the broker, S3 endpoint and store beside it."""

from __future__ import annotations

import json
import random
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from streams.adapters.s3.settings import S3Credentials

REGION: Final = "us-east-1"

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
        """The settings that lead there, their names without `TAGSTREAM_`."""
        return {
            "KAFKA__BROKERS": self.broker,
            "S3__ENDPOINT_URL": self.s3,
            "S3__REGION": REGION,
            "S3__ACCESS_KEY_ID": self.credentials.access_key_id,
            "S3__SECRET_ACCESS_KEY": self.credentials.secret_access_key.get_secret_value(),
            "S3__BUCKETS": json.dumps([self.bucket]),
            "STORE__PATH": self.store,
        }


def free_port() -> int:
    """A loopback port that nobody listens on."""
    while True:
        port = random.randint(*_PORTS)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port
