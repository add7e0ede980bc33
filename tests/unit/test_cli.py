"""The front door: quick, and one line for a wrong setting."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from model.tiny_version import write_tiny_version
from tagstream import cli

# pydantic is not among them: typer itself asks for it, and it is quick.
HEAVY = {
    "torch",
    "faust",
    "aioboto3",
    "aiokafka",
    "pydantic_settings",
    "PIL",
    "jinja2",
    "rich.markdown",
}

HELP = """
import sys
from tagstream import cli
sys.argv = ["tagstream", *sys.argv[1:]]
try:
    cli.main()
except SystemExit as end:
    assert not end.code, end.code
sys.stderr.write(" ".join(sys.modules))
"""


@pytest.mark.parametrize("command", [(), ("demo",), ("classify",), ("worker",), ("config",), ("model",)])
def test_help_imports_nothing_heavy(command: tuple[str, ...]) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", HELP, *command, "--help"], capture_output=True, text=True, check=True
    )
    assert "Usage: tagstream" in ran.stdout
    assert HEAVY.isdisjoint(ran.stderr.split())


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
    assert capsys.readouterr().err == "tagstream: no-such-model: there is no such model version\n"


def test_a_misspelt_setting_is_one_line_and_exit_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TAGSTREAM_BATCH__MAXSIZE", "8")
    assert _main(monkeypatch, "classify", "x.jpg") == 2
    told = capsys.readouterr().err
    assert "TAGSTREAM_BATCH__MAX_SIZE" in told
    assert told.count("\n") == 1
