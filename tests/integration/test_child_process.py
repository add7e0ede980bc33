"""A worker or a server ends with whoever started it, and says a wrong setting in one line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tagstream.child_process import API, EXIT_ORPHANED, WORKER

COMMAND = (sys.executable, "-m", "tagstream.child_process")
KINDS = pytest.mark.parametrize("kind", [WORKER, API])


@KINDS
def test_one_whose_starter_is_gone_ends(kind: str, tmp_path: Path) -> None:
    # A broker that never answers, or nobody who calls: nothing else would end it.
    environment = {
        **os.environ,
        "TAGSTREAM_KAFKA__BROKERS": "127.0.0.1:9",
        "TAGSTREAM_STORE__PATH": str(tmp_path / "scores.sqlite"),
        "TAGSTREAM_API__PORT": "0",
        "TAGSTREAM_S3__BUCKETS": '["photos"]',
    }
    started = subprocess.Popen(
        (*COMMAND, kind),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment,
    )
    assert started.poll() is None
    started.communicate()  # closes its input, as the kernel does when the starter dies
    assert started.returncode == EXIT_ORPHANED


@KINDS
def test_a_wrong_setting_is_one_line_and_exit_2(kind: str) -> None:
    environment = {**os.environ, "TAGSTREAM_BATCH__MAXSIZE": "8"}
    with subprocess.Popen(
        (*COMMAND, kind), stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, text=True
    ) as started:
        assert started.wait(60) == 2
        assert started.stderr is not None
        told = started.stderr.read()
    assert told.startswith("tagstream: TAGSTREAM_BATCH__MAXSIZE is not a setting")
    assert told.count("\n") == 1
