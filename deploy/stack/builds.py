"""Build cache: what the servers are made of, fetched or built once, and used from there."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

SOURCES: Final = Path(__file__).parent
JAVA: Final = ("java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
"""Starts in a second; without these it takes two, and more threads than the machine has cores."""
JAVA_VERSION: Final = 17
GATEWAY_VERSION: Final = "v1.8.0"
FETCH_SECONDS: Final = 100
"""Below a test's own limit, so that a network that hangs is told as such."""
BUILD_SECONDS: Final = 1500


class Missing(Exception):
    """What the stack needs and this machine does not have; says how to mend it."""


def jars(server: str, cache: Path) -> Path:
    """The folder of the libraries that `deploy/stack/<server>/pom.xml` names, fetched unless it is there.

    Raises:
        Missing: no JDK, or no Maven where they are to be fetched, or it cannot fetch them.
    """
    require_java()
    pom = SOURCES / server / "pom.xml"
    place = cache / f"{server}-{_digest(pom.read_bytes())}"
    return _once(place, lambda half: _fetch(pom, half))


def classes(server: str, cache: Path) -> Path:
    """The folder of what the Java of `deploy/stack/<server>` is compiled to, over its libraries.

    Raises:
        Missing: as of `jars`, or it does not compile.
    """
    libraries = jars(server, cache)
    sources = sorted((SOURCES / server).glob("*.java"))
    digest = _digest(b"\0".join(each.read_bytes() for each in (SOURCES / server / "pom.xml", *sources)))
    return _once(cache / f"{server}-classes-{digest}", lambda half: _compile(sources, libraries, half))


def gateway(cache: Path) -> Path:
    """The S3 gateway's program, built unless it is there; the first time takes some minutes.

    Raises:
        Missing: it is to be built, and there is no Go, or it cannot fetch or build the program.
    """
    return _once(cache / f"versitygw-{GATEWAY_VERSION}", _build_gateway) / "versitygw"


def require(program: str, what: str) -> None:
    """Raise `Missing`, in one line, where the program is not on the path."""
    if shutil.which(program) is None:
        raise Missing(f"the stack needs {what}, and there is no `{program}` on the PATH: install it")


def require_java() -> None:
    """Raise `Missing` unless there is a JDK that is new enough."""
    for program in ("java", "javac", "keytool"):
        require(program, f"a JDK of {JAVA_VERSION} or later")
    said = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr
    version = said.partition('"')[2].partition(".")[0]
    if not version.isdecimal() or int(version) < JAVA_VERSION:
        first = said.splitlines()[0] if said else "nothing"
        raise Missing(f"the stack needs a JDK of {JAVA_VERSION} or later; `java -version` says: {first}")


def _once(place: Path, make: Callable[[Path], None]) -> Path:
    """The place; of two that want it at once one makes it, and half of it is never seen."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.with_name(f"{place.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            half = place.with_name(f"{place.name}.half")
            shutil.rmtree(half, ignore_errors=True)
            make(half)
            half.rename(place)
    return place


def _fetch(pom: Path, half: Path) -> None:
    require("mvn", "Maven")
    _tell(f"Fetching the libraries of {pom.parent.name} (once) ...")
    command = ["mvn", "-q", "-B", "-ntp", "-f", str(pom), "dependency:copy-dependencies"]
    _run("Maven", [*command, f"-DoutputDirectory={half}"], seconds=FETCH_SECONDS)


def _compile(sources: Sequence[Path], libraries: Path, half: Path) -> None:
    command = ["javac", "-Xlint:all", "-Werror", "-d", str(half), "-cp", f"{libraries}/*"]
    _run("javac", [*command, *map(str, sources)], seconds=FETCH_SECONDS)


def _build_gateway(half: Path) -> None:
    require("go", "Go 1.24 or later")
    _tell(f"Building versitygw {GATEWAY_VERSION} (once; some minutes) ...")
    target = f"github.com/versity/versitygw/cmd/versitygw@{GATEWAY_VERSION}"
    # Caches of its own, gone afterwards: half a gigabyte that nobody asked for.
    work = half / "work"
    caches = {"GOPATH": work / "path", "GOCACHE": work / "cache", "GOBIN": half}
    settings = {name: str(path) for name, path in caches.items()} | {"CGO_ENABLED": "0"}
    command = ["go", "install", "-modcacherw", "-trimpath", "-ldflags=-s -w", target]
    _run("Go", command, seconds=BUILD_SECONDS, **settings)
    shutil.rmtree(work)


def _run(name: str, command: Sequence[str], *, seconds: int, **settings: str) -> None:
    try:
        ran = subprocess.run(
            command,
            env=os.environ | settings,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired as error:
        raise Missing(f"{name} did not end within {seconds} s: is its registry within reach?") from error
    if ran.returncode:
        said = [line for line in (ran.stdout + ran.stderr).splitlines() if line.strip()]
        blamed = next((line for line in said if "ERROR" in line), said[-1] if said else "nothing")
        raise Missing(f"{name} could not do its part; it said: {blamed}")


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:12]


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")
