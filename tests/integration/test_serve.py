"""`tagstream serve` as a process: started, called, stopped; its memory and its secrets are kept."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path

import pytest

from operations import api_keys
from schemas.api_keys import Scope
from schemas.api_tokens import ApiToken
from streams.adapters.sqlite.store import SqliteScores
from tagstream.samples import photographs
from tests.integration.otlp_receiver import receiving
from tests.integration.serve_process import COMMAND, PATIENCE, ServeProcess, environment, form, serving

MENU = next(path for path in photographs() if path.name == "menu-trattoria.jpg").read_bytes()
PREDICTIONS = "/v1/predictions"
HUGE = 200 * 2**20
ALLOWED_GROWTH = 64 * 2**20
MARKER = b"bytes-of-a-body-that-nobody-may-read"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServeProcess]:
    """One for all tests that leave it as it is."""
    with serving(tmp_path_factory.mktemp("serve")) as running:
        yield running


def test_it_tags_a_photograph(server: ServeProcess) -> None:
    body, headers = form(MENU)
    answer = server.ask("POST", PREDICTIONS, body, headers)
    assert (answer.status, answer.document["verdict"]["tags"]) == (200, ["menu"])


def test_probes_and_metrics_are_on_their_own_port_alone(server: ServeProcess) -> None:
    assert server.probe("/livez").status == 200
    while server.probe("/readyz").status != 200:  # all has to be looked at once
        time.sleep(0.05)
    assert b"tagstream_" in server.probe("/metrics").body
    assert {server.ask("GET", path).status for path in ("/livez", "/readyz", "/metrics")} == {404}


def test_a_key_that_is_revoked_beside_it_is_soon_refused(server: ServeProcess) -> None:
    made = asyncio.run(_key(server.store))
    shown = {"Authorization": f"Bearer {made.token.text}"}
    assert server.ask("GET", "/v2/models/restaurant", headers=shown).status == 200
    asyncio.run(_revoke(server.store, made.key.id))
    while (answer := server.ask("GET", "/v2/models/restaurant", headers=shown)).status == 200:
        time.sleep(0.05)
    assert (answer.status, answer.document) == (401, {"error": "the key is revoked"})


async def _key(path: Path) -> api_keys.CreatedKey:
    async with SqliteScores(path) as store:
        return await api_keys.create(store, "short", (Scope.PREDICT,), None, by="ann", now=datetime.now(UTC))


async def _revoke(path: Path, key: str) -> None:
    async with SqliteScores(path) as store:
        await api_keys.revoke(store, key, by="ann", now=datetime.now(UTC))


def test_a_huge_body_without_a_length_is_refused_with_flat_memory(server: ServeProcess) -> None:
    body, headers = form(MENU)
    assert server.ask("POST", PREDICTIONS, body, headers).status == 200
    before = _most_memory(server.process.pid)
    status, sent = _pour(server, HUGE)
    assert status == 413
    assert sent < HUGE
    assert _most_memory(server.process.pid) - before < ALLOWED_GROWTH


def _pour(server: ServeProcess, count: int) -> tuple[int, int]:
    """Send so many bytes in pieces, until it has enough; its status, and how many it let us send."""
    sent = 0

    def pieces() -> Iterator[bytes]:
        nonlocal sent
        start, _ = form(b"")
        yield start.removesuffix(b"\r\n--edge--\r\n")
        while sent < count:
            yield bytes(2**20)
            sent += 2**20

    connection = HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    headers = server.bearer | form(b"")[1]
    try:
        with contextlib.suppress(ConnectionError):  # it has closed while we were sending, and answered before
            connection.request("POST", PREDICTIONS, pieces(), headers, encode_chunked=True)
        return connection.getresponse().status, sent
    finally:
        connection.close()


def _most_memory(pid: int) -> int:
    """Bytes that the process has had resident at once, at most."""
    (found,) = re.findall(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found) * 1024


def test_neither_keys_nor_bodies_reach_the_log(server: ServeProcess) -> None:
    stranger = ApiToken.generate()
    tokens = (server.token, stranger.text, server.token[:-1])
    basic = [base64.b64encode(f"{token}:".encode()).decode() for token in tokens]
    for token, user in zip(tokens, basic, strict=True):
        for headers in ({"Authorization": f"Bearer {token}"}, {"Authorization": f"Basic {user}"}):
            _send_everything(server, headers)
        server.ask("GET", f"/v1/keys/{token}?key={token}", headers={"X-Api-Key": token})
    said = server.said()
    assert "api.serving" in said
    for secret in (server.token[-49:-6], stranger.secret, *basic, MARKER.decode()):
        assert secret not in said


def _send_everything(server: ServeProcess, headers: dict[str, str]) -> None:
    """Good, broken and nonsensical bodies."""
    for path, part in ((PREDICTIONS, "image"), ("/v1/compat/predictions", "file")):
        for data in (MENU + MARKER, MARKER, MENU[:2000] + MARKER):
            body, kind = form(data, part=part, name=f"{MARKER.decode()}.jpg")
            server.ask("POST", path, body, kind | headers)
    as_json = {"Content-Type": "application/json"}
    for text in (b'{"location": "%s"}', b'{"location": {"bucket": "%s", "key": "%s"}}', b'{"url": "%s"'):
        server.ask("POST", PREDICTIONS, text.replace(b"%s", MARKER), as_json | headers)
        server.ask("POST", "/v2/models/restaurant/infer", text.replace(b"%s", MARKER), as_json | headers)
    server.ask("POST", PREDICTIONS, MARKER, {"Content-Type": "text/plain"} | headers)


def test_what_is_in_hand_at_a_stop_is_answered_and_nobody_new_is_let_in(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as connection:
            body, headers = form(MENU)
            head = server.bearer | headers | {"Content-Length": str(len(body)), "Expect": "100-continue"}
            lines = [f"POST {PREDICTIONS} HTTP/1.1", "Host: here", *(f"{k}: {v}" for k, v in head.items())]
            connection.sendall("\r\n".join([*lines, "", ""]).encode())
            assert connection.recv(1024).startswith(b"HTTP/1.1 100 ")  # it waits for the body
            server.process.send_signal(signal.SIGTERM)
            _wait_until_refused(server.port)
            connection.sendall(body)
            answer = b"".join(iter(lambda: connection.recv(2**16), b""))
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert b'"tags":["menu"]' in answer
        assert server.process.wait(PATIENCE) == 0


def _wait_until_refused(port: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), PATIENCE).close()
        except ConnectionRefusedError:
            return
        time.sleep(0.05)
    raise AssertionError(f"somebody still listens on {port}")


def test_a_trace_that_comes_with_the_request_goes_on(tmp_path: Path) -> None:
    trace, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    with receiving() as receiver, serving(tmp_path, TRACING__ENDPOINT=receiver.endpoint) as server:
        body, headers = form(MENU)
        sent = headers | {"traceparent": f"00-{trace}-{parent}-01"}
        answer = server.ask("POST", PREDICTIONS, body, sent)
        assert server.stop() == 0
    (span,) = (each for each in receiver.spans if each.parent_span_id.hex() == parent)
    assert span.trace_id.hex() == trace
    assert answer.headers["traceparent"] == f"00-{trace}-{span.span_id.hex()}-01"


def test_a_port_that_is_taken_is_one_line_with_its_setting_and_exit_2(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, told = _refused(tmp_path, API__PORT=taken.getsockname()[1])
    assert code == 2
    assert told.startswith("tagstream: TAGSTREAM_API__PORT: cannot listen on 127.0.0.1:")
    assert told.count("\n") == 1


def test_a_port_that_is_none_is_one_line_with_its_setting_and_exit_2(tmp_path: Path) -> None:
    code, told = _refused(tmp_path, API__PORT=70_000)
    assert (code, told.count("\n")) == (2, 1)
    assert "TAGSTREAM_API__PORT" in told


def _refused(folder: Path, **settings: object) -> tuple[int, str]:
    given = environment({"STORE__PATH": folder / "scores.sqlite", **settings})
    ended = subprocess.run(COMMAND, env=given, capture_output=True, text=True, check=False, timeout=PATIENCE)
    return ended.returncode, ended.stderr


def test_a_stop_while_it_still_waits_for_its_model_is_an_orderly_one(tmp_path: Path) -> None:
    away = {
        "REGISTRY__URL": tmp_path / "not-mounted",
        "REGISTRY__CACHE": tmp_path / "cache",
        "MODEL__REF": "restaurant@champion",
        "STORE__PATH": tmp_path / "scores.sqlite",
        "API__PORT": 0,
    }
    log = tmp_path / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(COMMAND, env=environment(away), stdout=out, stderr=out)
    try:
        until = time.monotonic() + PATIENCE
        while b"dependency.away" not in log.read_bytes() and time.monotonic() < until:
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
    assert b"dependency.away" in log.read_bytes()
    assert b"Traceback" not in log.read_bytes()
