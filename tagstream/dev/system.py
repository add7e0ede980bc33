"""Development system: broker, S3 endpoint and store, opened and closed in order."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tagstream.demo import workers
from tagstream.dev.state import FOLDER, PLACES, RunningSystem, claimed
from tagstream.embedded_stack import EmbeddedStack, free_port, open_stack

BUCKET: Final = "photos"

STORE: Final = "scores.sqlite"

_PREFIX: Final = "TAGSTREAM_"
_API_STOP_LIMIT: Final = 15
"""Seconds: as the workers' own, below that after which they are killed."""

_WHERE_THE_API_IS: Final = (f"{_PREFIX}API__HOST", f"{_PREFIX}API__PORT")
_OUR_OWN: Final = (*PLACES, *_WHERE_THE_API_IS, f"{_PREFIX}LOG__", f"{_PREFIX}METRICS__", "AWS_")
"""Variables that no process of ours inherits: where things are, how it speaks, and the way to a real S3."""


@dataclass(frozen=True, slots=True)
class System:
    """Everything that a worker needs around it, running, on loopback only."""

    folder: Path
    """`.tagstream`."""
    premises: EmbeddedStack
    metrics_port: int
    api_port: int | None
    """None where it has no API."""

    @property
    def environment(self) -> Mapping[str, str]:
        """A process's whole environment: the user's own settings beside ours."""
        ours = {**self.premises.settings, "API__STOP_LIMIT": _API_STOP_LIMIT}
        return workers.environment(ours, without=_OUR_OWN)

    @property
    def state(self) -> RunningSystem:
        """What other terminals may know: the places, and what this one's user has set himself."""
        mine = ("LOG__", "METRICS__", "API__STOP", "KAFKA__SESSION_TIMEOUT", "KAFKA__DRAIN_LIMIT")
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
        api = {"api": f"http://127.0.0.1:{self.api_port}"} if self.api_port else {}
        return {
            "broker": where.broker,
            "s3": where.s3,
            "bucket": where.bucket,
            "store": str(where.store),
            "metrics": f"http://127.0.0.1:{self.metrics_port}/metrics",
            **api,
        }


@asynccontextmanager
async def opened(where: Path, *, metrics_port: int | None, api_port: int | None) -> AsyncIterator[System]:
    """The system in `where`/.tagstream, with its topics and its bucket, while the block runs.

    Raises:
        AlreadyRuns: another one runs there.
    """
    folder = _folder(where)
    with claimed(folder):
        async with open_stack(BUCKET, folder / STORE) as premises:
            yield System(folder, premises, metrics_port or free_port(), api_port)


def _folder(where: Path) -> Path:
    folder = where.absolute() / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".gitignore").write_text("*\n")
    return folder
