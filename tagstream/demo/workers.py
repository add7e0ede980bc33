"""Processes beside us, workers and the API: started, frozen, killed, stopped, and their logs read."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from schemas.errors import Broken
from tagstream.child_process import API, WORKER

STOP_SECONDS: Final = 30.0
"""From SIGTERM to SIGKILL: the worker's drain limit and its own way out."""

Entry = Mapping[str, Any]
Place = tuple[int, int]
"""Partition and offset of a message."""


class WorkerDied(Broken):
    """A worker exited on its own."""


@dataclass
class Worker:
    """One process and the JSON log that it writes."""

    number: int
    process: subprocess.Popen[bytes]
    log: Path
    kind: str = WORKER
    started_at: float = field(default_factory=time.time)
    killed_at: float | None = None
    _entries: list[Entry] = field(default_factory=list)
    _read: int = 0
    _is_asked: bool = False

    @property
    def title(self) -> str:
        """For people."""
        return "The API" if self.kind == API else f"Worker {self.number}"

    def entries(self, event: str) -> list[Entry]:
        """The log's lines of that event so far; what is no JSON is passed over."""
        self._entries.extend(self.fresh())
        return [entry for entry in self._entries if entry.get("event") == event]

    def fresh(self) -> Iterator[Entry]:
        """The log's lines since the last look; what is no JSON is passed over."""
        with self.log.open("rb") as log:
            log.seek(self._read)
            written = log.read()
        whole = written[: written.rfind(b"\n") + 1]  # the last line may still be on its way
        self._read += len(whole)
        for line in whole.splitlines():
            with contextlib.suppress(ValueError):
                entry = json.loads(line)
                if isinstance(entry, dict):
                    yield entry

    def starts(self) -> list[Place]:
        """The messages that it has started work on, in order."""
        return [(int(e["partition"]), int(e["offset"])) for e in self.entries("message.started")]

    def first(self, event: str) -> float | None:
        """When it first logged `event`, in seconds since 1970."""
        entries = self.entries(event)
        return _moment(entries[0]) if entries else None

    def last(self, event: str) -> float | None:
        """When it last did."""
        entries = self.entries(event)
        return _moment(entries[-1]) if entries else None

    def freeze(self) -> None:
        """Let the process stand still."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> float:
        """SIGKILL, and when: nothing in the process has any more say."""
        self.killed_at = time.time()
        self.process.kill()
        self._wait()
        return self.killed_at

    def ask_to_stop(self) -> None:
        """SIGTERM, frozen or not; once, since a second one would cut its drain short."""
        if not self._is_asked and self.process.poll() is None:
            self._is_asked = True
            self.process.terminate()
            self.thaw()

    def stop(self) -> int:
        """SIGTERM, and its exit code; kill -9 when it takes longer than it may."""
        self.ask_to_stop()
        try:
            return self._wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self._wait()

    def assert_alive(self) -> None:
        """Raise `WorkerDied` with the end of its log when it is gone and nobody killed it."""
        if self.killed_at is None and (code := self.process.poll()) is not None:
            raise WorkerDied(f"worker {self.number} exited with {code}; its last words:\n{self.last_words()}")

    def last_words(self, lines: int = 15) -> str:
        """The end of its log, debug lines left out."""
        written = self.log.read_text(errors="replace").splitlines()
        told = [line for line in written if '"level": "debug"' not in line]
        return "\n".join(told[-lines:]) or "(nothing)"

    def _wait(self, seconds: float | None = None) -> int:
        """Its exit code; only then its input may close, which would end it at once."""
        code = self.process.wait(seconds)
        if self.process.stdin:
            self.process.stdin.close()
        return code


@dataclass
class Workers:
    """Every process of the run; leaving the `with` block ends them all, however it is left."""

    folder: Path
    environment: Mapping[str, str]
    workers: list[Worker] = field(default_factory=list)
    command: tuple[str, ...] = (sys.executable, "-m", "tagstream.child_process")
    """The kind of process comes behind it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self.workers:
            worker.ask_to_stop()
        for worker in self.workers:
            worker.stop()

    def start(self, kind: str = WORKER, /, **settings: object) -> Worker:
        """One more of that kind, as a process of its own, under these settings beside the crew's."""
        number = sum(each.kind == kind for each in self.workers) + 1
        log = self.folder / f"{kind}-{number}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(  # noqa: S603 - our own program, in this very interpreter
                (*self.command, kind),
                env={**self.environment, **_named(settings)},
                stdin=subprocess.PIPE,  # held open by us: it closes when we die, and the worker ends
                stdout=out,
                stderr=subprocess.STDOUT,
                # Ctrl-C is ours to handle: SIGTERM, then the drain.
                start_new_session=True,
            )
        self.workers.append(Worker(number, process, log, kind))
        return self.workers[-1]

    @property
    def redelivered(self) -> int:
        """Messages that were started more than once: deliveries beyond each one's first."""
        starts = Counter(place for worker in self.workers for place in worker.starts())
        return sum(count - 1 for count in starts.values())

    def rejected(self) -> frozenset[str]:
        """The images that some worker has rejected so far."""
        entries = (entry for worker in self.workers for entry in worker.entries("image.rejected"))
        return frozenset(str(entry["image_id"]) for entry in entries)

    def assert_alive(self) -> None:
        """Raise `WorkerDied` when one has exited on its own."""
        for worker in self.workers:
            worker.assert_alive()


def environment(settings: Mapping[str, object], *, without: tuple[str, ...] = ("AWS_",)) -> dict[str, str]:
    """This process's environment with `settings` in it; what could lead to a real S3 is left out."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(without)}
    return kept | _named(settings)


def _named(settings: Mapping[str, object]) -> dict[str, str]:
    return {f"TAGSTREAM_{name}": str(value) for name, value in settings.items()}


def _moment(entry: Entry) -> float:
    """When the entry was logged, in seconds since 1970."""
    return datetime.fromisoformat(entry["timestamp"]).timestamp()
