"""`tagstream demo` as a user runs it: with the drill, and on a folder of one's own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from model import checkpoint
from model.tiny_version import write_tiny_version
from schemas import topics
from tagstream.samples import photographs
from tests.seen import Tell

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The packaged model, or a tiny one where there is none yet."""
    if checkpoint.PACKAGED.is_dir():
        return dict(os.environ)
    folder = write_tiny_version(tmp_path / "tiny")
    return {**os.environ, "TAGSTREAM_MODEL__FOLDER": str(folder)}


def _demo(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "tagstream", "demo", *arguments]


def test_the_drill_kills_a_worker_and_everything_is_accounted_for(
    tmp_path: Path, environment: dict[str, str], tell: Tell
) -> None:
    ran = subprocess.run(
        _demo("--json"), cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    said: dict[str, Any] = json.loads(ran.stdout)
    tell(f"demo: {said['kills']} kill, {said['redelivered']} redeliveries, {said['topics']}")
    assert said["kills"] == 1
    assert said["redelivered"] > 0
    assert {Path(image["path"]) for image in said["images"]} == set(photographs())
    assert {letter["cause"] for letter in said["dead_letters"]} == {"undecodable", "gone"}
    assert said["topics"][topics.TAGGED] == len(photographs())
    assert said["topics"][topics.UPLOADED] == len(photographs()) + 2
    assert set(said["seconds"]) == {"fetch", "decode", "queued", "forward", "store", "announce", "mark"}
    assert "Nothing lost" in (tmp_path / "demo-report.html").read_text()


def test_a_folder_of_one_s_own_runs_without_the_drill(tmp_path: Path, environment: dict[str, str]) -> None:
    mine = tmp_path / "my photographs" / "bistro"
    mine.mkdir(parents=True)
    (mine / "good.jpg").write_bytes(photographs()[0].read_bytes())
    (mine / "no photograph.jpg").write_bytes(b"%PDF-1.7")
    (mine / "empty.png").touch()
    ran = subprocess.run(
        _demo("--photos", str(mine.parent), "--report", "mine.html"),
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "All 3 photographs are accounted for: 1 tagged, 2 dead-lettered" in " ".join(ran.stdout.split())
    assert "kill" not in ran.stdout + ran.stderr
    assert "bistro/good.jpg" in (tmp_path / "mine.html").read_text()


def test_a_worker_that_cannot_start_is_reported_with_its_words_and_exit_1(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    # The demo reads the manifest alone; that the weights are damaged is found by the worker.
    folder = write_tiny_version(tmp_path / "damaged")
    (folder / checkpoint.WEIGHTS).write_bytes(b"no weights")
    spoilt = {**environment, "TAGSTREAM_MODEL__FOLDER": str(folder)}
    ran = subprocess.run(_demo(), cwd=tmp_path, env=spoilt, capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert "worker 1 exited with" in ran.stderr
    assert checkpoint.WEIGHTS in ran.stderr
    assert "Traceback (most recent call last)" not in ran.stderr.split("its last words")[0]


def test_an_interrupted_demo_leaves_no_worker_behind(tmp_path: Path, environment: dict[str, str]) -> None:
    with (tmp_path / "said").open("w+") as said:
        demo = subprocess.Popen(_demo(), cwd=tmp_path, env=environment, stderr=said, stdout=said)
        while "Worker 1 starts" not in (tmp_path / "said").read_text():
            assert demo.poll() is None
            time.sleep(0.1)
        demo.send_signal(signal.SIGTERM)
        assert demo.wait(60) == 130
    told = (tmp_path / "said").read_text()
    worker = int(told.split("process ")[1].split(")")[0])
    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)
    assert "its workers are stopped" in told
