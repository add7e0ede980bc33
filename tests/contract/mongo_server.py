"""A server of MongoDB's wire protocol for the tests, out of `deploy/stack/mongo`; it needs Java and Maven."""

from __future__ import annotations

import subprocess
from types import TracebackType
from typing import Self

import pytest

from deploy.stack.builds import Missing
from deploy.stack.documents import server
from deploy.stack.layout import HOST, default_cache


class OtherMongo:
    """A server that is somebody else's, as `make test-mongo` names it."""

    def __init__(self, url: str) -> None:
        self.url = url

    @property
    def port(self) -> int:
        """Asked by those who stand between it and its client, or stop it."""
        pytest.skip("needs a server of the tests' own, to stand before it or to stop it")


class MongoWireServer:
    """A running server, on a free port of loopback; everything in memory. Raises `Missing`."""

    def __init__(self) -> None:
        self._command = server(default_cache(), "0")

    def __enter__(self) -> Self:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(self._command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        assert self._process.stdout is not None
        port = self._process.stdout.readline()
        if not port:
            said = self._process.communicate()[1][-300:]
            raise Missing(f"MongoDB's tests need a server that starts: {said}")
        self.port = int(port)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._process:  # closes its input, upon which it ends
            self._process.terminate()

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    @property
    def url(self) -> str:
        return f"mongodb://{HOST}:{self.port}"
