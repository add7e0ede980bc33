"""The product's own processes over the stack: a worker in the background, and commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.e2e.fleet import ROOT, Worker
from tests.real.premises import Premises

STOP_SECONDS = 40


@contextmanager
def product_worker(premises: Premises, folder: Path, **settings: str) -> Iterator[Worker]:
    """`tagstream worker` with its packaged model, stopped in order in the end."""
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
    worker = Worker(process, log)
    try:
        yield worker
        assert worker.is_alive, log.read_text()[-2000:]
        assert worker.stop(STOP_SECONDS) == 0
    finally:
        if worker.is_alive:
            worker.kill()


def tagstream(premises: Premises, *arguments: str, exits: int = 0) -> str:
    """What `tagstream ...` says; it must exit as told."""
    ran = subprocess.run(
        [sys.executable, "-m", "tagstream", *arguments],
        cwd=ROOT,
        env=os.environ | premises.settings,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert ran.returncode == exits, ran.stderr or ran.stdout
    return ran.stdout


def documents(said: str) -> list[Any]:
    """The JSON documents of an answer, one a line."""
    return [json.loads(line) for line in said.splitlines()]
