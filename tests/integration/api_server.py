"""The HTTP API in a process of its own: the packaged model, a store in a file, and a key that is in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from operations import api_keys
from schemas.api_keys import Scope
from streams.adapters.sqlite.store import SqliteScores
from tagstream import child_process

PATIENCE: Final = 90.0


@dataclass(frozen=True)
class ServedApi:
    """One that runs."""

    url: str
    token: str = field(repr=False)
    log: Path

    @property
    def headers(self) -> dict[str, str]:
        """That show the key."""
        return {"Authorization": f"Bearer {self.token}"}


@asynccontextmanager
async def served_api(folder: Path, **settings: str) -> AsyncIterator[ServedApi]:
    """Under these settings beside its own; stopped by SIGTERM, and its exit is 0."""
    token = await _key(folder / "kept.sqlite")
    log = folder / "api.log"
    with log.open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "tagstream.child_process", child_process.API],
            env={**_without_ours(os.environ), **_settings(folder), **settings},
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        try:
            yield ServedApi(_address(process, log), token, log)
            process.terminate()
            assert process.wait(PATIENCE) == 0, log.read_text()[-4000:]
        finally:
            process.kill()
            process.communicate()


async def _key(path: Path) -> str:
    async with SqliteScores(path) as store:
        made = await api_keys.create(store, "test", (Scope.PREDICT,), None, by="test", now=datetime.now(UTC))
    return made.token.text


def _settings(folder: Path) -> dict[str, str]:
    return {
        "TAGSTREAM_API__PORT": "0",
        "TAGSTREAM_API__KEY_RATE": "100000",
        "TAGSTREAM_API__DEADLINE": "60",
        "TAGSTREAM_METRICS__PORT": "0",
        "TAGSTREAM_STORE__PATH": str(folder / "kept.sqlite"),
        "TAGSTREAM_LOG__FORMAT": "json",
    }


def _without_ours(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if not name.startswith("TAGSTREAM_")}


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    """As the log says it, once it serves."""
    until = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < until:
        for line in log.read_text().splitlines():
            if '"api.serving"' in line:
                return str(json.loads(line)["address"])
        time.sleep(0.1)
    raise AssertionError(f"it does not serve:\n{log.read_text()[-4000:]}")
