"""Environments of the alternatives' libraries: one each, which take the rest from the product's.

They are made below `benchmarks/.venv-alternatives`, which git ignores, with the versions that
`benchmarks/alternatives/requirements.txt` names. The product never depends on any of them.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Final

from benchmarks.suite.programs import ROOT

REQUIREMENTS: Final = ROOT / "benchmarks" / "alternatives" / "requirements.txt"
FOLDER: Final = ROOT / "benchmarks" / ".venv-alternatives"
SECONDS: Final = 600


class NotInstalled(Exception):
    """A library that cannot be had here; says what refused it."""


def python_with(library: str, *beside: str) -> Path:
    """The interpreter that has the library and what it wants beside it, installed unless they are.

    Raises `NotInstalled`.
    """
    requirements = [_requirement(each) for each in (library, *beside)]
    wanted = " ".join(requirements)
    folder = FOLDER / library
    python = folder / "bin" / "python"
    made = folder / "installed"
    if not made.exists() or made.read_text() != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        _run("venv", "--quiet", "--python", sys.executable, str(folder))
        _run("pip", "install", "--quiet", "--system-certs", "--python", str(python), *requirements)
        _share(python)
        made.write_text(wanted)
    return python


def _requirement(library: str) -> str:
    lines = [line.partition("#")[0].strip() for line in REQUIREMENTS.read_text().splitlines()]
    found = [line for line in lines if line and line.partition("==")[0].partition("[")[0] == library]
    if not found:
        raise NotInstalled(f"{REQUIREMENTS.name} names no version of {library}")
    return found[0]


def _share(python: Path) -> None:
    """What the library did not bring itself comes from the product's environment."""
    asked = [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    packages = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603
    (Path(packages) / "product.pth").write_text(f"{sysconfig.get_path('purelib')}\n")


def _run(*arguments: str) -> None:
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin")
    if uv is None:
        raise NotInstalled("there is no uv: run `make setup`")
    try:
        ran = subprocess.run(  # noqa: S603 - uv, with what requirements.txt says
            [uv, *arguments], capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise NotInstalled(f"`uv {arguments[0]}` took more than {SECONDS} s") from error
    if ran.returncode:
        raise NotInstalled(f"`uv {arguments[0]}` says:\n{ran.stderr}")
