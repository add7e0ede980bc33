"""The workers: started, supervised as an operator's platform does it, and ended."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.e2e.fleet import ROOT, Worker
from tests.soak.plan import KEY_PATTERN, LARGEST, SESSION, Plan

STOP_SECONDS: Final = 40.0
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_FAKE: Final = ("-m", "tests.soak.worker")
_REAL: Final = ("-m", "tagstream", "worker")


@dataclass
class Member:
    """One worker process. `number` is its place in the order of starts."""

    number: int
    worker: Worker
    began: float = field(default_factory=time.monotonic)
    is_dismissed: bool = False
    """Whether its end was asked for, by us."""
    cpu: float = 0.0
    """Seconds of CPU when it was last looked at."""

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.worker.process.pid

    @property
    def has_begun(self) -> bool:
        """Whether it has worked on something."""
        return '"message.started"' in self.worker.log.read_text(errors="replace")

    def look(self) -> int | None:
        """Resident bytes now, None where it has ended; `cpu` is of now, too."""
        if not self.worker.is_alive:
            return None
        try:
            memory = self.worker.memory
            words = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        except (OSError, IndexError):
            return None
        self.cpu = (int(words[11]) + int(words[12])) / _TICKS
        return memory or None


@dataclass
class Crew:
    """All workers of a soak. Owns their processes and their logs in `folder`."""

    plan: Plan
    settings: Mapping[str, str]
    folder: Path
    members: list[Member] = field(default_factory=list)
    deaths: list[str] = field(default_factory=list)
    """Workers that ended by themselves, and how; each was replaced."""
    exits: Counter[int] = field(default_factory=Counter)
    """Exit codes after SIGTERM."""

    @property
    def alive(self) -> list[Member]:
        """Those that run and are meant to."""
        return [each for each in self.members if each.worker.is_alive and not each.is_dismissed]

    def hire(self) -> Member:
        """One more, started."""
        self.folder.mkdir(parents=True, exist_ok=True)
        log = self.folder / f"worker-{len(self.members)}.log"
        command = [sys.executable, *(_REAL if self.plan.is_real_model else _FAKE)]
        with log.open("wb") as out:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=os.environ | self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for the soak, which ends them in order
            )
        self.members.append(Member(len(self.members), Worker(process, log)))
        return self.members[-1]

    def kill(self, member: Member) -> None:
        """With -9."""
        member.is_dismissed = True
        member.worker.kill()

    async def dismiss(self, member: Member) -> None:
        """With SIGTERM; its exit code is kept."""
        member.is_dismissed = True
        try:
            self.exits[await asyncio.to_thread(member.worker.stop, STOP_SECONDS)] += 1
        except subprocess.TimeoutExpired:
            self.deaths.append(f"worker {member.number} did not end within {STOP_SECONDS:g} s of SIGTERM")
            member.worker.kill()

    async def supervise(self) -> None:
        """For ever: who ends by itself is replaced, and remembered."""
        while True:
            await asyncio.sleep(1.0)
            for member in [each for each in self.members if not each.is_dismissed]:
                if not member.worker.is_alive:
                    member.is_dismissed = True
                    code = member.worker.process.returncode
                    self.deaths.append(f"worker {member.number} exit {code}: {_last_words(member.worker)}")
                    self.hire()

    def end(self) -> None:
        """For certain."""
        for member in self.members:
            if member.worker.is_alive:
                self.kill(member)

    def redeliveries(self) -> tuple[int, int]:
        """Messages that were started, and how many of those starts were not the first."""
        starts: Counter[tuple[object, ...]] = Counter()
        for member in self.members:
            with member.worker.log.open() as lines:
                starts.update(_place(line) for line in lines if '"message.started"' in line)
        starts.pop((), None)
        return len(starts), sum(starts.values()) - len(starts)

    def _environment(self) -> dict[str, str]:
        """The stack's settings; what is waited for is short, so that many faults fit into the time."""
        return {
            **self.settings,
            "TAGSTREAM_KAFKA__SESSION_TIMEOUT": str(SESSION),
            "TAGSTREAM_KAFKA__DRAIN_LIMIT": "10",
            "TAGSTREAM_S3__MAX_OBJECT_BYTES": str(LARGEST),
            "TAGSTREAM_S3__DEADLINE": "5",
            "TAGSTREAM_STORE__TIMEOUT": "5",
            "TAGSTREAM_UPLOADS__KEY_PATTERN": KEY_PATTERN,
            "TAGSTREAM_DEFERRAL__DELAY": "5",
            "TAGSTREAM_DEFERRAL__GONE": "1",
            "TAGSTREAM_RETRY__LONGEST": "2",
            "TAGSTREAM_LOG__FORMAT": "json",
            "TAGSTREAM_LOG__LEVEL": "debug",
        }


def _place(line: str) -> tuple[object, ...]:
    """Topic, partition and offset; nothing of a line that a kill has cut short."""
    try:
        entry = json.loads(line)
    except ValueError:
        return ()
    return entry.get("topic"), entry.get("partition"), entry.get("offset")


def _last_words(worker: Worker) -> str:
    return (worker.log.read_text(errors="replace").splitlines() or ["it said nothing"])[-1][-300:]
