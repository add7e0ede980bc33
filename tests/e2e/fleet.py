"""Worker processes that a test starts, kills, stops and reads the logs of."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.query_watch import SEEN

ROOT = Path(__file__).parents[2]


@dataclass
class Worker:
    """One worker process and the file that it logs to."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def is_alive(self) -> bool:
        return self.process.poll() is None

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def stop(self, within: float) -> int:
        """SIGTERM; the exit code, which must come by itself `within` seconds."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(within)

    def events(self, *names: str) -> list[dict[str, object]]:
        """The log's lines of those events; a line cut short by a kill is passed over."""
        found = []
        for line in self.log.read_text().splitlines():
            if not any(name in line for name in names):
                continue
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if isinstance(entry, dict) and entry.get("event") in names:
                found.append(entry)
        return found

    def starts(self) -> Counter[tuple[int, int]]:
        """How often work was started here on each (partition, offset)."""
        return Counter(_place(entry) for entry in self.events("message.started"))

    def held(self) -> set[tuple[int, int]]:
        """Each (partition, offset) that was started here since the group last changed."""
        started: set[tuple[int, int]] = set()
        for entry in self.events("message.started", "partitions.revoked"):
            if entry["event"] == "partitions.revoked":
                started.clear()
            else:
                started.add(_place(entry))
        return started

    @property
    def memory(self) -> int:
        """Resident memory in bytes."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")


@dataclass
class Fleet:
    """All workers of one scenario, over one broker, one folder of images and one store."""

    bootstrap: str
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    workers: list[Worker] = field(default_factory=list)
    program: str = "tests.e2e.worker_under_test"
    kills: int = 0
    _seen: dict[int, int] = field(default_factory=dict)

    @property
    def store(self) -> Path:
        return self.folder / "scores.sqlite"

    @property
    def images(self) -> Path:
        return self.folder / "images"

    def start(self, **extra: str) -> Worker:
        log = self.folder / f"worker-{len(self.workers)}.log"
        settings = {
            "TAGSTREAM_KAFKA__BROKERS": self.bootstrap,
            "TAGSTREAM_KAFKA__SESSION_TIMEOUT": "6",
            "TAGSTREAM_KAFKA__DRAIN_LIMIT": "10",
            "TAGSTREAM_WINDOW__CONCURRENCY": "8",
            "TAGSTREAM_STORE__PATH": str(self.store),
            "TAGSTREAM_LOG__FORMAT": "json",
            "TAGSTREAM_LOG__LEVEL": "debug",
            "TAGSTREAM_RETRY__LONGEST": "1",
            "TAGSTREAM_DEFERRAL__GONE": "0",
            "TAGSTREAM_BREAKER__CALLS": "1",
            "TAGSTREAM_BREAKER__AFTER": "0",
            "E2E_IMAGES": str(self.images),
            **self.environment,
            **extra,
        }
        command = [sys.executable, "-m", self.program]
        with log.open("wb") as out:
            process = subprocess.Popen(
                command, cwd=ROOT, env=os.environ | settings, stdout=out, stderr=subprocess.STDOUT
            )
        self.workers.append(Worker(process, log))
        return self.workers[-1]

    def kill(self, worker: Worker) -> None:
        if worker.is_alive:
            worker.kill()
            self.kills += 1

    def busiest(self) -> Worker | None:
        """The worker that has started the most messages since the last kill, if any has started some."""
        started = {
            number: len(worker.events("message.started"))
            for number, worker in enumerate(self.workers)
            if worker.is_alive
        }
        fresh = {number: count - self._seen.get(number, 0) for number, count in started.items()}
        self._seen = started
        most = max(fresh, key=fresh.__getitem__, default=None)
        return self.workers[most] if most is not None and fresh[most] > 0 else None

    def starts(self) -> Counter[tuple[int, int]]:
        """How often work was started on each (partition, offset)."""
        return sum((worker.starts() for worker in self.workers), Counter())

    @property
    def redeliveries(self) -> int:
        return sum(count - 1 for count in self.starts().values())

    def queries(self) -> dict[str, bool]:
        """Every shape of query that a worker asked MongoDB, and whether an index carries it."""
        seen = (entry for worker in self.workers for entry in worker.events(SEEN))
        return {str(entry["query"]): entry["is_carried"] is True for entry in seen}

    def end(self) -> None:
        for worker in self.workers:
            if worker.is_alive:
                worker.kill()
        assert [query for query, is_carried in self.queries().items() if not is_carried] == []


def _place(entry: dict[str, object]) -> tuple[int, int]:
    return int(str(entry["partition"])), int(str(entry["offset"]))
