"""A running `tagstream dev` is found from a second terminal, and only while it runs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tagstream.dev import state
from tagstream.dev.state import AlreadyRuns, RunningSystem

SETTINGS = {"TAGSTREAM_KAFKA__BROKERS": "127.0.0.1:1", "TAGSTREAM_BATCH__MAX_SIZE": "8"}
RUNNING = RunningSystem(4711, "2026-01-01T00:00:00+00:00", {"broker": "127.0.0.1:1"}, SETTINGS)

HOLDER = """
import sys
from pathlib import Path
from tagstream.dev import state
with state.claimed(Path(sys.argv[1])):
    print("claimed", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "project" / state.FOLDER
    made.mkdir(parents=True)
    return made


@pytest.fixture
def running(folder: Path) -> Iterator[Path]:
    """The project's folder, while a system runs in it."""
    with state.claimed(folder):
        RUNNING.write(folder)
        yield folder.parent


def test_a_running_system_is_found_from_its_folder_and_from_below(running: Path) -> None:
    below = running / "photographs" / "2026"
    below.mkdir(parents=True)
    assert state.running(running) == RUNNING
    assert state.running(below) == RUNNING
    assert state.running(running.parent) is None


def test_its_state_is_for_nobody_but_its_owner(running: Path) -> None:
    assert (running / state.FOLDER / state.FILE).stat().st_mode & 0o077 == 0


def test_it_leaves_no_state_behind(folder: Path) -> None:
    with state.claimed(folder):
        RUNNING.write(folder)
    assert not (folder / state.FILE).exists()
    assert state.running(folder.parent) is None


def test_a_second_one_in_the_same_folder_is_refused_and_leaves_the_first_alone(running: Path) -> None:
    with pytest.raises(AlreadyRuns, match="process 4711"), state.claimed(running / state.FOLDER):
        pass
    assert state.running(running) == RUNNING


def test_the_state_of_one_that_was_killed_is_not_believed_and_does_not_stop_the_next(folder: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "claimed\n"
    RUNNING.write(folder)
    assert state.running(folder.parent) == RUNNING
    holder.kill()
    holder.communicate()
    assert state.running(folder.parent) is None
    with state.claimed(folder):
        assert state.running(folder.parent) is None


def test_an_unreadable_state_is_none(running: Path) -> None:
    (running / state.FOLDER / state.FILE).write_text('{"pid": 1}')
    assert state.running(running) is None


def test_commands_take_its_settings(running: Path) -> None:
    environment = {"HOME": "/root"}
    assert state.adopt(environment, running) == RUNNING
    assert environment == {"HOME": "/root", **SETTINGS}
    assert state.adopted(environment, running) == RUNNING


def test_what_the_environment_says_itself_stays(running: Path) -> None:
    environment = {"TAGSTREAM_BATCH__MAX_SIZE": "64"}
    assert state.adopt(environment, running) == RUNNING
    assert environment["TAGSTREAM_BATCH__MAX_SIZE"] == "64"


@pytest.mark.parametrize(
    "own",
    [
        "TAGSTREAM_KAFKA__BROKERS",
        "TAGSTREAM_S3__ENDPOINT_URL",
        "TAGSTREAM_STORE__URL",
        "tagstream_store__path",
    ],
)
def test_an_environment_that_names_a_place_of_its_own_takes_nothing(running: Path, own: str) -> None:
    environment = {own: "elsewhere"}
    assert state.adopt(environment, running) is None
    assert environment == {own: "elsewhere"}
    assert state.adopted(environment, running) is None
