"""deploy/healthcheck.py, run as Docker runs it, against a server."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "deploy" / "healthcheck.py"


class Answers(BaseHTTPRequestHandler):
    """200 for /livez, 503 with a reason for the rest."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/livez" else 503)
        self.end_headers()
        self.wfile.write(b"the broker is away")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def server() -> Iterator[int]:
    """The port of one, for as long as the block runs."""
    with HTTPServer(("127.0.0.1", 0), Answers) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        try:
            yield listening.server_port
        finally:
            listening.shutdown()
            thread.join()


def asked(path: str, **environment: str) -> subprocess.CompletedProcess[str]:
    bare = {name: value for name, value in os.environ.items() if not name.startswith("TAGSTREAM_")}
    return subprocess.run(
        [sys.executable, SCRIPT, path],
        env=bare | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_an_answer_of_200_is_health() -> None:
    with server() as port:
        assert asked("/livez", TAGSTREAM_METRICS__PORT=str(port)).returncode == 0


def test_any_other_answer_is_none_and_its_reason_is_said() -> None:
    with server() as port:
        ended = asked("/readyz", TAGSTREAM_METRICS__PORT=str(port))
    assert ended.returncode == 1
    assert ended.stderr.strip() == "/readyz: 503 the broker is away"


def test_no_server_is_no_health() -> None:
    with server() as port:
        pass
    ended = asked("/livez", TAGSTREAM_METRICS__PORT=str(port))
    assert ended.returncode == 1
    assert ended.stderr.startswith("/livez: ")


def test_a_port_that_is_not_set_is_said() -> None:
    ended = asked("/livez")
    assert ended.returncode == 1
    assert "TAGSTREAM_METRICS__PORT is not set" in ended.stderr


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY"])
def test_a_proxy_does_not_come_between(name: str) -> None:
    with server() as port:
        ended = asked("/livez", TAGSTREAM_METRICS__PORT=str(port), **{name: "http://127.0.0.1:1"})
    assert ended.returncode == 0
