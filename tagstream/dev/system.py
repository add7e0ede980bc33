"""Development system: broker, S3 endpoint and store, opened and closed in order."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from schemas import topics
from streams.adapters.kafka.connection import EmbeddedBroker
from streams.adapters.s3.embedded import EmbeddedS3
from streams.adapters.s3.images import S3Images
from streams.adapters.s3.settings import S3Settings
from tagstream.dev.state import FOLDER, PLACES, RunningSystem, claimed
from tagstream.embedded_stack import REGION, EmbeddedStack, free_port

BUCKET: Final = "photos"

STORE: Final = "scores.sqlite"

_PREFIX: Final = "TAGSTREAM_"
_OUR_OWN: Final = (*PLACES, f"{_PREFIX}LOG__", f"{_PREFIX}METRICS__", "AWS_")
"""Variables that no worker of ours inherits: where things are, how it speaks, and the way to a real S3."""


@dataclass(frozen=True, slots=True)
class System:
    """Everything that a worker needs around it, running, on loopback only."""

    folder: Path
    """`.tagstream`."""
    premises: EmbeddedStack
    metrics_port: int

    @property
    def environment(self) -> Mapping[str, str]:
        """A worker's whole environment: the user's own settings beside ours."""
        said = self.premises.settings | {
            "KAFKA__SESSION_TIMEOUT": 3,
            "KAFKA__DRAIN_LIMIT": 15,
            "LOG__FORMAT": "json",
            "METRICS__HOST": "127.0.0.1",
        }
        kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(_OUR_OWN)}
        return kept | {f"{_PREFIX}{name}": str(value) for name, value in said.items()}

    @property
    def state(self) -> RunningSystem:
        """What other terminals may know: the places, and what this one's user has set himself."""
        mine = ("LOG__", "METRICS__", "KAFKA__SESSION_TIMEOUT", "KAFKA__DRAIN_LIMIT")
        theirs = tuple(_PREFIX + name for name in mine)
        settings = {
            name: value
            for name, value in self.environment.items()
            if name.startswith(_PREFIX) and not name.startswith(theirs)
        }
        return RunningSystem(os.getpid(), datetime.now(UTC).isoformat(), self.addresses, settings)

    @property
    def addresses(self) -> Mapping[str, str]:
        """For people."""
        where = self.premises
        return {
            "broker": where.broker,
            "s3": where.s3,
            "bucket": where.bucket,
            "store": str(where.store),
            "metrics": f"http://127.0.0.1:{self.metrics_port}/metrics",
        }


@asynccontextmanager
async def opened(where: Path, *, metrics_port: int | None) -> AsyncIterator[System]:
    """The system in `where`/.tagstream, with its topics and its bucket, while the block runs.

    Raises:
        AlreadyRuns: another one runs there.
    """
    folder = _folder(where)
    async with AsyncExitStack() as stack:
        stack.enter_context(claimed(folder))
        broker = stack.enter_context(EmbeddedBroker())
        endpoint = stack.enter_context(EmbeddedS3())
        broker.create(*topics.ALL)
        await _make_bucket(endpoint)
        premises = EmbeddedStack(
            broker.bootstrap, endpoint.endpoint_url, endpoint.credentials, BUCKET, folder / STORE
        )
        yield System(folder, premises, metrics_port or free_port())


def _folder(where: Path) -> Path:
    folder = where.absolute() / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".gitignore").write_text("*\n")
    return folder


async def _make_bucket(endpoint: EmbeddedS3) -> None:
    settings = S3Settings(endpoint_url=endpoint.endpoint_url, region=REGION, **dict(endpoint.credentials))
    async with S3Images(settings) as images:
        await images.ensure_bucket(BUCKET)
