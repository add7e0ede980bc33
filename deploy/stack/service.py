"""Background service: a server's log, its process id, and an end for it and nobody else."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

READY_SECONDS: Final = 60.0
STOP_SECONDS: Final = 20.0
_PAUSE: Final = 0.1
_LOG_TAIL: Final = 5


class NotReady(Exception):
    """A server that ended at its start, or does not answer; says where its log is."""


@dataclass(frozen=True, slots=True)
class Start:
    """What starts a server."""

    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Beyond this process's own."""


@dataclass(frozen=True, slots=True)
class Service:
    """One server of the stack. Owns `folder`, with its `log` and its `pid` file."""

    name: str
    folder: Path
    prepare: Callable[[], Start]
    """Fetches, builds and writes what it needs, each unless it is there, and says what starts it."""
    is_ready: Callable[[], bool]

    @property
    def log(self) -> Path:
        """What it says."""
        return self.folder / "log"

    def pid(self) -> int | None:
        """Its process id while it runs, and None otherwise.

        A number alone can be somebody else's by now: the file also says when the process began.
        """
        try:
            kept = json.loads(self._pid_file.read_text())
            return int(kept["pid"]) if _birth(int(kept["pid"])) == kept["born"] else None
        except (OSError, ValueError, KeyError):
            return None

    def start(self, within: float = READY_SECONDS) -> None:
        """Start it unless it runs, and return when it answers.

        Raises:
            Missing: this machine lacks what it is made of.
            NotReady: it ended, or does not answer `within` seconds; then it is stopped again.
        """
        if self.pid() is None:
            self._launch()
        deadline = time.monotonic() + within
        while not self.is_ready():
            if self.pid() is None:
                raise NotReady(f"{self.name} ended at its start: {self._last_words()}")
            if time.monotonic() > deadline:
                self.stop()
                raise NotReady(f"{self.name} does not answer: {self._last_words()}")
            time.sleep(_PAUSE)

    def stop(self, within: float = STOP_SECONDS) -> bool:
        """Stop it if it runs, politely, after `within` seconds for certain; False where it did not run."""
        if (pid := self.pid()) is None:
            self._pid_file.unlink(missing_ok=True)
            return False
        deadline = time.monotonic() + within
        with suppress(ProcessLookupError):  # it may end by itself between two looks
            os.kill(pid, signal.SIGTERM)
            while self.pid() is not None:
                if time.monotonic() > deadline:
                    os.kill(pid, signal.SIGKILL)
                time.sleep(_PAUSE)
        self._pid_file.unlink()
        return True

    @property
    def _pid_file(self) -> Path:
        return self.folder / "pid"

    def _launch(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        start = self.prepare()
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                start.command,
                cwd=self.folder,
                env=os.environ | start.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C in the terminal that started it is not meant for it
            )
        _REAPED.append(process)
        self._pid_file.write_text(json.dumps({"pid": process.pid, "born": _birth(process.pid)}))

    def _last_words(self) -> str:
        said = self.log.read_text(errors="replace").splitlines()[-_LOG_TAIL:] if self.log.exists() else []
        return f"{' | '.join(said) or 'it said nothing'} (its log: {self.log})"


_REAPED: Final[list[subprocess.Popen[bytes]]] = []
"""Children of this process: asked now and then, so that one that has ended is no zombie."""


def _birth(pid: int) -> str | None:
    """When the process began, as the system counts it; None where it runs no more."""
    for child in _REAPED:
        child.poll()
    try:
        # Behind the program's name in parentheses, which may hold anything: state, ..., start time.
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return _birth_by_ps(pid) if not Path("/proc/self").exists() else None
    return None if words[0] in "ZX" else words[19]


def _birth_by_ps(pid: int) -> str | None:
    """Where there is no /proc."""
    command = ["ps", "-o", "lstart=", "-p", str(pid)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or None
