"""Makes a break in a copy of the tree, runs its tests there, and tells whether they saw it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

from tests.sabotage.rows import ROOT, Row

SECONDS: Final = 900.0
"""For the tests of one row."""

LEFT_OUT: Final = shutil.ignore_patterns(
    ".git", ".venv", ".stack", "__pycache__", "*.egg-info", ".*_cache", ".hypothesis", "runs", "build", "dist"
)


class Ending(StrEnum):
    """What came of a break."""

    RED = "red as it should be"
    GREEN = "STILL GREEN"
    ERROR = "NOT RUN"
    """The break could not be made, or the tests could not be run to their end."""


@dataclass(frozen=True, slots=True)
class Result:
    """One row, tried."""

    row: Row
    ending: Ending
    failed: tuple[str, ...]
    """The tests that turned red."""
    green: tuple[str, ...]
    """Those of the row's tests of which none did."""
    seconds: float
    why: str = ""
    """Of an error."""

    def document(self) -> dict[str, object]:
        """For `--json`."""
        return {
            "row": self.row.name,
            "file": self.row.file,
            "ending": self.ending.name.lower(),
            "failed": list(self.failed),
            "green": list(self.green),
            "seconds": round(self.seconds, 1),
            "why": self.why,
        }


@contextmanager
def copied(root: Path = ROOT) -> Iterator[Path]:
    """A copy of the tree, for as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="sabotage-") as folder:
        copy = Path(folder) / "tree"
        shutil.copytree(root, copy, ignore=LEFT_OUT)
        yield copy


def tried(row: Row, tree: Path, *, seconds: float = SECONDS) -> Result:
    """The row's break made in `tree`, its tests run, and the file put back."""
    began = time.monotonic()
    file = tree / row.file
    try:
        whole = file.read_text(encoding="utf-8")
        broken = row.broken(whole)
    except (OSError, ValueError) as error:
        return Result(row, Ending.ERROR, (), row.tests, time.monotonic() - began, str(error))
    try:
        _write(file, broken)
        failed, why = _failed(row, tree, seconds)
    finally:
        _write(file, whole)
        _end_what_is_left(tree)
    green = tuple(test for test in row.tests if not any(_is_of(each, test) for each in failed))
    ending = Ending.ERROR if why else Ending.GREEN if green else Ending.RED
    return Result(row, ending, failed, green, time.monotonic() - began, why)


def _failed(row: Row, tree: Path, seconds: float) -> tuple[tuple[str, ...], str]:
    """The ids of the tests that failed, and why they could not be run, if so."""
    report = tree / ".sabotage.xml"
    report.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", "--tb=line", "-p", "no:cacheprovider"]
    command += [
        "-p",
        "tests.sabotage.unshrunk",
        "-m",
        "",
        "-o",
        "junit_family=xunit1",
        f"--junit-xml={report}",
        *row.tests,
    ]
    # The copy before the package that is installed, in the tests and in what they start.
    environment = os.environ | {"PYTHONPATH": str(tree)}
    try:
        ran = subprocess.run(
            command, cwd=tree, env=environment, capture_output=True, text=True, check=False, timeout=seconds
        )
    except subprocess.TimeoutExpired:
        return (), f"its tests did not end within {seconds:.0f} s"
    if ran.returncode not in {0, 1} or not report.exists():
        return (), _last_line(ran.stdout + ran.stderr) or f"pytest exited with {ran.returncode}"
    return tuple(_red(report)), ""


def _red(report: Path) -> Iterator[str]:
    for case in ET.parse(report).iter("testcase"):  # noqa: S314 - pytest wrote it, just now
        if case.find("failure") is not None or case.find("error") is not None:
            yield f"{case.get('file')}::{case.get('name')}"


def _is_of(failed: str, test: str) -> bool:
    return failed == test or failed.startswith((f"{test}::", f"{test}["))


def _end_what_is_left(tree: Path) -> None:
    """What a break kept from ending: processes that still work in the copy."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (process / "cwd").readlink().is_relative_to(tree.resolve()):
                os.kill(int(process.name), signal.SIGKILL)


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")


def _write(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")
    # A file of the same size in the same second is the same to Python.
    for compiled in (file.parent / "__pycache__").glob(f"{file.stem}.*.pyc"):
        compiled.unlink()


def chosen(rows: Sequence[Row], names: Sequence[str], *, slow: bool) -> tuple[Row, ...]:
    """The rows of these names; of no names all, the slow ones only if asked for. Raises `LookupError`."""
    if unknown := set(names) - {row.name for row in rows}:
        raise LookupError(f"there is no row {', '.join(sorted(unknown))}; `--list` names them")
    if names:
        return tuple(row for row in rows if row.name in names)
    return tuple(row for row in rows if slow or not row.slow)
