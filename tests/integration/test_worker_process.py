"""A worker process ends with whoever started it, and says a wrong setting in one line."""

from __future__ import annotations

import os
import subprocess
import sys

from tagstream.worker_process import EXIT_ORPHANED

WORKER = (sys.executable, "-m", "tagstream.worker_process")


def test_a_worker_whose_starter_is_gone_ends() -> None:
    # A broker that never answers: nothing else would end it.
    environment = {**os.environ, "TAGSTREAM_KAFKA__BROKERS": "127.0.0.1:9"}
    worker = subprocess.Popen(
        WORKER, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
    )
    assert worker.poll() is None
    worker.communicate()  # closes its input, as the kernel does when the starter dies
    assert worker.returncode == EXIT_ORPHANED


def test_a_wrong_setting_is_one_line_and_exit_2() -> None:
    environment = {**os.environ, "TAGSTREAM_BATCH__MAXSIZE": "8"}
    with subprocess.Popen(
        WORKER, stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, text=True
    ) as worker:
        assert worker.wait(60) == 2
        assert worker.stderr is not None
        told = worker.stderr.read()
    assert told.startswith("tagstream: TAGSTREAM_BATCH__MAXSIZE is not a setting")
    assert told.count("\n") == 1
