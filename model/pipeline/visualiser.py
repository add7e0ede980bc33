"""Luigi's visualiser on this machine alone: its server in a process of its own, which ends with this one."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from schemas.errors import ConfigurationError

HOST: Final = "127.0.0.1"
PATIENCE: Final = 60.0
"""Seconds for the server to answer: it imports Luigi, on a machine that may have other work."""
PAUSE: Final = 0.1
LOG: Final = "luigid.log"


@contextmanager
def visualiser(port: int) -> Iterator[str]:
    """Its address, while the block lasts. Raises `ConfigurationError` where the port is taken."""
    _refuse_taken(port)
    with tempfile.TemporaryDirectory(prefix="tagstream-luigi-") as place, _reached_directly():
        log = Path(place) / LOG
        with _started(port, Path(place), log=log) as server:
            try:
                _await(server, port=port, log=log)
                yield f"http://{HOST}:{port}"
            finally:
                server.terminate()


def _refuse_taken(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError) as error:
            raise ConfigurationError(
                f"--visualiser: port {port} cannot be had ({error}); name another"
            ) from error


def _started(port: int, place: Path, *, log: Path) -> subprocess.Popen[bytes]:
    """In a session of its own, so that Ctrl-C reaches the pipeline first; its input ends with us."""
    with log.open("wb") as said:
        return subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-P", "-m", "model.pipeline.server", str(port), str(place)],
            stdin=subprocess.PIPE,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _await(server: subprocess.Popen[bytes], *, port: int, log: Path) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) == 0:
                return
        time.sleep(PAUSE)
    said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    raise ConfigurationError(f"Luigi's visualiser did not start: {said[-1] if said else 'it says nothing'}")


@contextmanager
def _reached_directly() -> Iterator[None]:
    """No proxy between us and our own machine: Luigi asks as the environment says."""
    before = os.environ.get("no_proxy")
    os.environ["no_proxy"] = f"{before},{HOST}" if before else HOST
    try:
        yield
    finally:
        if before is None:
            del os.environ["no_proxy"]
        else:
            os.environ["no_proxy"] = before
