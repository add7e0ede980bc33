"""A `tagstream serve` of its own: a real process over a SQLite store, with a key."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPMessage
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from operations import api_keys
from schemas.api_keys import Scope
from streams.adapters.sqlite.store import SqliteScores
from tagstream.embedded_stack import free_port

COMMAND: Final = (sys.executable, "-m", "tagstream", "serve")
PATIENCE: Final = 90.0
UNHURRIED: Final = {"API__KEY_RATE": 100_000, "API__DEADLINE": 60}
"""For tests that ask much of a busy machine."""


@dataclass(frozen=True)
class Answered:
    """What came back."""

    status: int
    headers: HTTPMessage
    body: bytes

    @property
    def document(self) -> Any:
        """The body's JSON."""
        return json.loads(self.body)


@dataclass(frozen=True)
class ServeProcess:
    """One server, where it is, and a key of it."""

    process: subprocess.Popen[bytes]
    address: str
    metrics_port: int
    token: str
    log: Path
    store: Path

    @property
    def port(self) -> int:
        """The API's."""
        port = urlsplit(self.address).port
        assert port
        return port

    @property
    def bearer(self) -> dict[str, str]:
        """The header that lets in."""
        return {"Authorization": f"Bearer {self.token}"}

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answered:
        """One request of the API, with the key unless `headers` show another."""
        return _asked(self.port, method, path, body, self.bearer | dict(headers or {}))

    def probe(self, path: str) -> Answered:
        """One of the metrics port."""
        return _asked(self.metrics_port, "GET", path, None, {})

    def said(self) -> str:
        """All that it has logged."""
        return self.log.read_text(errors="replace")

    def stop(self) -> int:
        """SIGTERM, and its exit code."""
        self.process.terminate()
        return self.process.wait(PATIENCE)

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.wait()


def form(data: bytes, *, part: str = "image", name: str = "a.jpg") -> tuple[bytes, dict[str, str]]:
    """A form with that file, and its headers."""
    head = f'--edge\r\nContent-Disposition: form-data; name="{part}"; filename="{name}"\r\n\r\n'
    body = head.encode() + data + b"\r\n--edge--\r\n"
    return body, {"Content-Type": "multipart/form-data; boundary=edge"}


@contextmanager
def serving(folder: Path, **settings: object) -> Iterator[ServeProcess]:
    """Ready to answer; killed in the end, if it still runs."""
    scopes = (Scope.PREDICT, Scope.BATCH, Scope.IMAGES_READ, Scope.REVIEW, Scope.ADMIN)
    with several(folder, *scopes, **settings) as start:
        yield start()


@contextmanager
def several(folder: Path, *scopes: Scope, **settings: object) -> Iterator[Callable[[], ServeProcess]]:
    """What starts one more over the same store, with the same key of these scopes, ready to answer.

    Each is killed in the end, if it still runs.
    """
    store = folder / "scores.sqlite"
    token = asyncio.run(_key(store, scopes))
    with ExitStack() as stack:

        def start() -> ServeProcess:
            metrics_port = free_port()
            given = {"STORE__PATH": store, "METRICS__PORT": metrics_port, "API__PORT": 0, **settings}
            log = folder / f"serve-{metrics_port}.log"
            process = stack.enter_context(_running(log, given))
            return ServeProcess(process, _address(process, log), metrics_port, token, log, store)

        yield start


@contextmanager
def _running(log: Path, settings: Mapping[str, object]) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as out:
        process = subprocess.Popen(COMMAND, env=environment(settings), stdout=out, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def environment(settings: Mapping[str, object]) -> dict[str, str]:
    """This process's, with the settings, of which it names none itself."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TAGSTREAM_")}
    base = {"METRICS__HOST": "127.0.0.1", "LOG__FORMAT": "json", "LOG__LEVEL": "debug"}
    return kept | {f"TAGSTREAM_{name}": str(value) for name, value in (base | dict(settings)).items()}


async def _key(path: Path, scopes: tuple[Scope, ...]) -> str:
    async with SqliteScores(path) as store:
        made = await api_keys.create(
            store, "test", scopes, timedelta(hours=1), by="test", now=datetime.now(UTC)
        )
    return made.token.text


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    """As the log says it, once it serves."""
    until = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < until:
        for line in log.read_text(errors="replace").splitlines():
            if '"api.serving"' in line:
                return str(json.loads(line)["address"])
        time.sleep(0.05)
    raise AssertionError(f"it does not serve:\n{log.read_text(errors='replace')[-4000:]}")


def _asked(port: int, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answered:
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request(method, path, body, dict(headers))
        answer = connection.getresponse()
        return Answered(answer.status, answer.headers, answer.read())
    finally:
        connection.close()
