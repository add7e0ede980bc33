"""The front door: every command explains itself, and one line for a wrong setting."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from model.tiny_version import write_tiny_version
from tagstream import cli
from tagstream.dev import state

from .cli_leaves import LEAVES


@pytest.mark.parametrize("command", LEAVES)
def test_every_command_shows_an_example_and_speaks_json(
    command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _main(monkeypatch, *command, "--help") == 0
    told = " ".join(capsys.readouterr().out.split())  # lines break where they may
    _, _, examples = told.partition("xample")
    assert f"tagstream {' '.join(command)}" in examples
    # Worker and server log, as JSON where that is set; an export writes a file of either kind.
    assert "--json" in told or "--format json" in told or command in {("worker",), ("serve",)}


def test_help_lists_the_commands_in_the_order_of_their_use(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _main(monkeypatch, "--help") == 0
    listed = capsys.readouterr().out.split("Commands:")[1].splitlines()
    assert tuple(line.split()[0] for line in listed if line.strip()) == cli.COMMANDS


def test_a_command_that_is_not_there_is_exit_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _main(monkeypatch, "tial") == 2
    assert "No such command 'tial'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("upload", "nowhere"), "--bucket: say into which bucket"),
        (("tail", "taged"), "'taged' is no topic"),
        (("tail", "tagged", "--from", "yesterday"), "--from yesterday: earliest, latest"),
        (("dlq", "show", "17"), "PARTITION:OFFSET is wanted"),
        (("dlq", "redrive", "--yes"), "say which letters"),
        (("dlq", "redrive", "--all", "--cause", "gone"), "say which letters"),
        (("decide", "img", "correct"), "--labels goes with `correct`"),
        (("decide", "img", "approve", "--labels", "food"), "--labels goes with `correct`"),
        (("dev", "--folder", "nowhere"), "--folder nowhere: there is no such folder"),
    ],
)
def test_what_cannot_be_asked_is_one_line_and_exit_2(
    arguments: tuple[str, ...],
    said: str,
    *,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert _main(monkeypatch, *arguments) == 2
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1


def test_an_image_that_the_store_does_not_know_is_one_line_and_exit_1_and_makes_no_store(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert _main(monkeypatch, "scores", "lunch.jpg") == 1
    told = capsys.readouterr().err
    assert told.startswith("tagstream: lunch.jpg is not in the store")
    assert told.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("topics", "list"),
        ("dlq", "list"),
        ("tail", "tagged"),
        ("replay", "--from", "earliest"),
        ("replay", "status"),
        ("upload", "lunch.jpg"),
        ("scores", "img_1"),
        ("why", "img_1"),
        ("link", "img_1"),
        ("decide", "img_1", "approve"),
        ("data", "import", "--decisions", "--output", "snapshots"),
    ],
    ids=" ".join,
)
def test_where_nothing_runs_a_command_says_how_to_start_and_leaves_no_file(
    arguments: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert _main(monkeypatch, *arguments) in {1, 2}
    told = capsys.readouterr().err.splitlines()[-1]
    assert told.endswith("`tagstream dev` starts everything here")
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == []


def test_a_broker_that_is_away_is_one_line_and_exit_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TAGSTREAM_KAFKA__BROKERS", "127.0.0.1:9")  # the port of discard: nobody listens
    assert _main(monkeypatch, "topics", "list") == 1
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("tagstream")]
    assert len(told) == 1
    assert "`tagstream doctor` says what is wrong" in told[0]


@pytest.fixture
def restored_environment() -> Iterator[None]:
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.mark.usefixtures("restored_environment")
def test_commands_take_the_settings_of_the_system_that_runs_here(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder = tmp_path / state.FOLDER
    folder.mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TAGSTREAM_BATCH__MAX_SIZE", "4")
    with state.claimed(folder):
        state.RunningSystem(1, "now", {}, {"TAGSTREAM_KAFKA__BROKERS": "127.0.0.1:1234"}).write(folder)
        assert _main(monkeypatch, "config", "show", "--changed", "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert {name: (each["value"], each["source"]) for name, each in shown.items()} == {
        "TAGSTREAM_KAFKA__BROKERS": ("127.0.0.1:1234", "dev"),
        "TAGSTREAM_BATCH__MAX_SIZE": (4, "environment"),
    }


def _main(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["tagstream", *arguments])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert isinstance(end.value.code, int)
    return end.value.code


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = write_tiny_version(tmp_path / "tiny")
    monkeypatch.setenv("TAGSTREAM_MODEL__FOLDER", str(folder))
    return folder


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--photos", "nowhere"), "--photos nowhere: there is no such folder"),
        (("--photos", "."), "--photos .: no photographs in it"),
        (("--report", "nowhere/report.html"), "--report nowhere/report.html: not a file in a folder"),
    ],
)
def test_what_cannot_be_asked_of_the_demo_is_one_line_and_exit_2(
    arguments: tuple[str, ...],
    said: str,
    *,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    assert _main(monkeypatch, "demo", *arguments) == 2
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1


def test_a_model_that_is_not_there_is_one_line_and_exit_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TAGSTREAM_MODEL__FOLDER", "no-such-model")
    assert _main(monkeypatch, "demo") == 2
    assert (
        capsys.readouterr().err
        == "tagstream: TAGSTREAM_MODEL__FOLDER: no-such-model: there is no such model version\n"
    )


def test_a_misspelt_setting_is_one_line_and_exit_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TAGSTREAM_BATCH__MAXSIZE", "8")
    assert _main(monkeypatch, "classify", "x.jpg") == 2
    told = capsys.readouterr().err
    assert "TAGSTREAM_BATCH__MAX_SIZE" in told
    assert told.count("\n") == 1
