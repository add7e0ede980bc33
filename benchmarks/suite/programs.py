"""Programs that are held against each other: the product, and what a user would pick instead of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.suite.process_tree import session_of
from benchmarks.suite.servers import Site

ROOT: Final = Path(__file__).parents[2]
STOP_SECONDS: Final = 30

Environment = Callable[[Site, Path], Mapping[str, str]]
"""What a program needs in its environment, beside a folder of its own."""


@dataclass(frozen=True, slots=True)
class Program:
    """One that reads upload events, and says and keeps what is on each photograph."""

    name: str
    about: str
    command: tuple[str, ...]
    environment: Environment
    is_batch: bool = False
    """Whether it is handed its photographs in a file and ends a query, instead of reading a topic."""


@dataclass(frozen=True, slots=True)
class Started:
    """A running program."""

    program: Program
    process: subprocess.Popen[bytes]
    folder: Path

    @property
    def pid(self) -> int:
        """Of the process that was started; others may hang under it."""
        return self.process.pid

    @property
    def log(self) -> Path:
        """What it says."""
        return self.folder / "log"

    def check(self) -> None:
        """Raise `RuntimeError`, with its last words, where it has ended."""
        if self.process.poll() is not None:
            words = self.log.read_text(errors="replace")[-2000:]
            raise RuntimeError(f"it ended with {self.process.returncode}; its log ends:\n{words}")


@contextmanager
def started(program: Program, site: Site, folder: Path) -> Iterator[Started]:
    """It runs within the block; then it is stopped, and what hangs under it with it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - one of the programs below
            program.command,
            cwd=ROOT,
            env=os.environ | program.environment(site, folder),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if program.is_batch else log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield Started(program, process, folder)
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """In order, else by force; what hangs under it, too."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for pid in session_of(process.pid):  # those that outlived it: the session was made for it
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for stream in (process.stdin, process.stdout):
        if stream:
            stream.close()


def tagstream(metrics_port: int) -> Program:
    """The product's worker, with nothing turned."""

    def environment(site: Site, folder: Path) -> Mapping[str, str]:
        del folder
        return {
            **site.settings,
            "TAGSTREAM_MODEL__DEVICE": "cpu",
            "TAGSTREAM_LOG__LEVEL": "warning",
            "TAGSTREAM_METRICS__PORT": str(metrics_port),
        }

    command = (sys.executable, "-m", "tagstream", "worker")
    return Program("Tagstream", "`tagstream worker`, every setting at its default", command, environment)


def alternative(
    name: str, about: str, module: str, *arguments: str, python: Path, is_batch: bool = False
) -> Program:
    """A program of `benchmarks/alternatives`, in the environment of their libraries."""
    command = (str(python), "-m", f"benchmarks.alternatives.{module}", *arguments)
    return Program(name, about, command, _alternatives_environment, is_batch=is_batch)


def _alternatives_environment(site: Site, folder: Path) -> Mapping[str, str]:
    settings = site.settings
    return {
        "PYTHONPATH": str(ROOT),
        "BENCH_BROKERS": settings["TAGSTREAM_KAFKA__BROKERS"],
        "BENCH_GROUP": site.premises.database,
        "BENCH_STORE": settings["TAGSTREAM_STORE__URL"],
        "BENCH_DATABASE": site.premises.database,
        "BENCH_FOLDER": str(folder),
        "BENCH_S3_ENDPOINT": settings["TAGSTREAM_S3__ENDPOINT_URL"],
        "BENCH_S3_REGION": settings["TAGSTREAM_S3__REGION"],
        "BENCH_S3_KEY": settings["TAGSTREAM_S3__ACCESS_KEY_ID"],
        "BENCH_S3_SECRET": settings["TAGSTREAM_S3__SECRET_ACCESS_KEY"],
        # Torch's threads sleep while they wait for each other: by default they spin, and beside other work on
        # the machine a forward of one image then costs up to twelve times as much CPU.
        "OMP_WAIT_POLICY": "passive",
        # Nobody is told that they were measured.
        "DO_NOT_TRACK": "true",
        "SCARF_NO_ANALYTICS": "true",
        "RAY_USAGE_STATS_ENABLED": "0",
    }
