"""Workers over the stack that are ready, killed, stopped, and asked what they have taken."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agents.wiring.settings import Settings, load
from benchmarks.suite import measurement, process_tree
from deploy.stack.layout import HOST
from deploy.stack.reservation import reserved

ROOT: Final = Path(__file__).parents[1]
PRODUCT: Final = "tagstream"
SLEEPING: Final = "benchmarks.sleeping_worker"
"""One without a network: its forward sleeps, as a processor does that waits for a GPU."""

READY_SECONDS: Final = 180.0
STOP_SECONDS: Final = 60.0


def settings(environment: Mapping[str, str]) -> Settings:
    """The settings that those variables make, and no others of this process."""
    before = {name: value for name, value in os.environ.items() if name.startswith("TAGSTREAM_")}
    for name in before:
        del os.environ[name]
    os.environ.update(environment)
    try:
        return load()
    finally:
        for name in environment:
            os.environ.pop(name, None)
        os.environ.update(before)


@dataclass(frozen=True)
class Running:
    """One worker's process."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def is_ready(self) -> bool:
        """Whether it says so; raises `RuntimeError` where it has ended."""
        if self.process.poll() is not None:
            raise RuntimeError(f"a worker has ended: {self.log.read_text(errors='replace')[-2000:]}")
        try:
            with urllib.request.urlopen(f"http://{HOST}:{self.port}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)  # noqa: PLR2004 - HTTP's own
        except (urllib.error.URLError, OSError):
            return False

    @property
    def cpu(self) -> float:
        """Seconds of CPU, of the process and what it has started."""
        return process_tree.cpu_seconds(self.process.pid)

    @property
    def memory(self) -> float:
        """Resident megabytes, of the process and what it has started."""
        return process_tree.resident_bytes(self.process.pid) / 1e6


class Fleet:
    """Any number of workers of one program."""

    def __init__(self, environment: Mapping[str, str], program: str, folder: Path) -> None:
        self._environment = environment
        self._program = program
        self._folder = folder
        self._held = ExitStack()
        self.workers: list[Running] = []

    def start(self, number: int) -> None:
        """So many, and return when all are ready."""
        arguments = ["worker"] if self._program == PRODUCT else []
        for _ in range(number):
            (port,) = self._held.enter_context(reserved(1, host=HOST))
            log = self._folder / f"worker-{len(self.workers)}.log"
            around = {**self._environment, "TAGSTREAM_METRICS__PORT": str(port)}
            with log.open("wb") as out:
                process = subprocess.Popen(  # noqa: S603 - this interpreter, and a module of ours
                    [sys.executable, "-m", self._program, *arguments],
                    cwd=ROOT,
                    env=os.environ | around,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                )
            self.workers.append(Running(process, port, log))
        until = time.monotonic() + READY_SECONDS
        while not all([each.is_ready for each in self.workers]):  # noqa: C419 - all are looked at
            if time.monotonic() > until:
                raise RuntimeError(f"no worker is ready within {READY_SECONDS:g} s; see {self._folder}")
            time.sleep(0.2)

    def kill(self) -> None:
        """The first of them, with -9."""
        victim = self.workers.pop(0)
        victim.process.kill()
        victim.process.wait()

    def stop(self) -> None:
        """All of them, in order."""
        for each in self.workers:
            each.process.terminate()
        for each in self.workers:
            try:
                each.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                each.process.kill()
        self.workers.clear()
        self._held.close()

    @property
    def cpu(self) -> float:
        """Seconds of CPU of all that run."""
        return sum(each.cpu for each in self.workers)

    @property
    def stages(self) -> Mapping[str, float]:
        """Seconds that all images so far have spent in each stage, waits included."""
        total: Counter[str] = Counter()
        for each in self.workers:
            total.update(measurement.stages(each.port))
        return total

    @property
    def memory(self) -> float:
        """Resident megabytes of the largest."""
        return max(each.memory for each in self.workers)


@contextmanager
def fleet(environment: Mapping[str, str], program: str, number: int) -> Iterator[Fleet]:
    """So many workers that are ready, stopped in the end."""
    with tempfile.TemporaryDirectory() as folder:
        workers = Fleet(environment, program, Path(folder))
        try:
            workers.start(number)
            yield workers
        finally:
            workers.stop()
