"""An install that only serves (`pip install tagstream`): no torch, nothing of training."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

from tagstream import cli, samples

ABSENT = ("imagehash", "luigi", "tensorboard", "timm", "torch", "torchvision")
PROGRAM = f"""
import sys
sys.modules.update(dict.fromkeys({ABSENT!r}))  # as where they are not installed: ModuleNotFoundError
from tagstream.cli import main
main()
"""


def run(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """`tagstream ARGUMENTS` there, without the libraries of training."""
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def groups() -> list[str]:
    root = typer.main.get_command(cli.app)
    assert isinstance(root, cli.Commands)
    return [name for name in cli.COMMANDS if isinstance(root.get_command(None, name), TyperGroup)]


@pytest.mark.parametrize("arguments", [[], *([name] for name in groups())], ids=" ".join)
def test_help_is_there(arguments: list[str], tmp_path: Path) -> None:
    ended = run([*arguments, "--help"], tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "Commands:" in ended.stdout


def test_a_photograph_is_classified(tmp_path: Path) -> None:
    photograph = next(iter(samples.photographs()))
    ended = run(["classify", str(photograph), "--json"], tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert {"ambiance", "food"} < {tag["label"] for tag in json.loads(ended.stdout)["tags"]}


@pytest.mark.parametrize(
    "command", [["evaluate", "packaged"], ["compare", "packaged", "packaged"], ["train"]]
)
def test_what_needs_torch_says_what_to_install(command: list[str], tmp_path: Path) -> None:
    ended = run(["model", *command, str(tmp_path)], tmp_path)
    assert ended.returncode == 2
    assert "pip install 'tagstream[train]'" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
