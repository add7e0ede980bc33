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
    worker = _started(premises, folder, settings)
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
    worker = _started(premises, folder, settings)
    try:
        yield worker
    finally:
        if worker.is_alive:
            worker.kill()


def _started(premises: Premises, folder: Path, settings: Mapping[str, str]) -> Worker:
    around = {
        **premises.settings,
        "TAGSTREAM_MODEL__DEVICE": "cpu",
        "TAGSTREAM_LOG__FORMAT": "json",
        **settings,
    }
    log = folder / "worker.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "tagstream", "worker"],
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
