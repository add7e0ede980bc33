"""The product's own processes over the stack: a worker in the background, and commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.e2e.fleet import ROOT, Worker
from tests.real.premises import Premises

STOP_SECONDS = 40


@contextmanager
def product_worker(premises: Premises, folder: Path, **settings: str) -> Iterator[Worker]:
    """`tagstream worker` with its packaged model, stopped in order in the end."""
    worker = _started(premises, folder / "worker.log", "worker", settings)
    try:
        yield worker
        assert worker.is_alive, worker.log.read_text()[-2000:]
        assert worker.stop(STOP_SECONDS) == 0
    finally:
        if worker.is_alive:
            worker.kill()


@contextmanager
def doomed_worker(premises: Premises, folder: Path, **settings: str) -> Iterator[Worker]:
    """The same, that a test kills."""
    with _doomed(_started(premises, folder / "worker.log", "worker", settings)) as worker:
        yield worker


@contextmanager
def doomed_server(premises: Premises, log: Path, **settings: str) -> Iterator[Worker]:
    """`tagstream serve` with its packaged model, on free ports, that a test kills."""
    ports = {"TAGSTREAM_API__PORT": "0", "TAGSTREAM_METRICS__PORT": "0"}
    with _doomed(_started(premises, log, "serve", ports | settings)) as server:
        yield server


@contextmanager
def _doomed(process: Worker) -> Iterator[Worker]:
    try:
        yield process
    finally:
        if process.is_alive:
            process.kill()


def _started(premises: Premises, log: Path, program: str, settings: Mapping[str, str]) -> Worker:
    around = {
        **premises.settings,
        "TAGSTREAM_MODEL__DEVICE": "cpu",
        "TAGSTREAM_LOG__FORMAT": "json",
        **settings,
    }
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "tagstream", program],
            cwd=ROOT,
            env=os.environ | around,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    return Worker(process, log)


def command(premises: Premises, *arguments: str, **settings: str) -> subprocess.Popen[bytes]:
    """`tagstream ...` in the background."""
    return subprocess.Popen(
        [sys.executable, "-m", "tagstream", *arguments],
        cwd=ROOT,
        env=os.environ | dict(premises.settings) | settings,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def tagstream(
    premises: Premises, *arguments: str, exits: int = 0, within: float = 100, **settings: str
) -> str:
    """What `tagstream ...` says; it must exit as told."""
    ran = subprocess.run(
        [sys.executable, "-m", "tagstream", *arguments],
        cwd=ROOT,
        env=os.environ | dict(premises.settings) | settings,
        capture_output=True,
        text=True,
        timeout=within,
        check=False,
    )
    assert ran.returncode == exits, ran.stderr or ran.stdout
    return ran.stdout


def documents(said: str) -> list[Any]:
    """The JSON documents of an answer, one a line."""
    return [json.loads(line) for line in said.splitlines()]
