"""A server of MongoDB's wire protocol for the tests, out of `deploy/stack/mongo`; it needs Java and Maven.

Its libraries are fetched once, into a cache outside the repository.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

SOURCES = Path(__file__).parents[2] / "deploy" / "stack" / "mongo"
FETCH_SECONDS = 100
"""Below a test's own limit, so that a network that hangs is told as such."""
JAVA = ("java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx256m")
"""Starts in a second; without the first two it takes two, and more threads than the machine has cores."""


class Missing(Exception):
    """What the server needs and this machine does not have."""


class MongoWireServer:
    """A running server, on a free port of loopback; everything in memory."""

    def __init__(self) -> None:
        for program in ("java", "javac", "mvn"):
            if shutil.which(program) is None:
                raise Missing(f"MongoDB's tests need {program} (a JDK of 17 or later, and Maven)")
        self._libraries = _libraries()

    def __enter__(self) -> Self:
        command = [*JAVA, "-cp", f"{self._libraries}/*", str(SOURCES / "MongoWireServer.java"), "0"]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        assert self._process.stdout is not None
        port = self._process.stdout.readline()
        if not port:
            raise Missing(
                f"MongoDB's tests need a server that starts: {self._process.communicate()[1][-300:]}"
            )
        self.port = int(port)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._process:  # closes its input, upon which it ends
            self._process.terminate()

    @property
    def url(self) -> str:
        return f"mongodb://127.0.0.1:{self.port}"


def _libraries() -> Path:
    """The folder of the server's jars, fetched unless it is there."""
    pom = SOURCES / "pom.xml"
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tagstream"
    libraries = cache / f"mongo-{hashlib.sha256(pom.read_bytes()).hexdigest()[:12]}"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "mongo.lock").open("w") as lock:  # of two test runs one fetches, the other waits
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not libraries.exists():
            _fetch(pom, libraries)
    return libraries


def _fetch(pom: Path, libraries: Path) -> None:
    half = libraries.with_suffix(".half")
    command = ["mvn", "-q", "-B", "-ntp", "-f", str(pom), "dependency:copy-dependencies"]
    try:
        fetched = subprocess.run(
            [*command, f"-DoutputDirectory={half}"],
            capture_output=True,
            text=True,
            check=False,
            timeout=FETCH_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise Missing(f"MongoDB's tests need their server's libraries, and Maven hangs: {error}") from error
    if fetched.returncode:
        said = next((line for line in fetched.stdout.splitlines() if "ERROR" in line), fetched.stderr[-300:])
        raise Missing(f"MongoDB's tests need their server's libraries, which Maven could not fetch: {said}")
    half.rename(libraries)
