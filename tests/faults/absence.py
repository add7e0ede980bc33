"""One worker's life over real servers in which dependencies go away and come back, and what that costs it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from agents.wiring.settings import StoreSettings
from schemas import topics
from schemas.errors import Unavailable
from streams.adapters.kafka.reader import read_all
from tests.e2e.accounts import Auditor, Outcome, outcome, source
from tests.e2e.fleet import Fleet, Worker
from tests.e2e.traffic import Planned, Sent, publish
from tests.faults.wire import Wire
from tests.real.premises import Premises
from tests.seen import Tell

WITHIN: Final = 300.0
"""For what must happen, however busy the machine: it bounds a hang, and measures nothing."""
MEBIBYTE: Final = 2**20
CPU_SHARE: Final = 0.2
"""Of one core, while a dependency is away: more is spinning."""
CPU_SHARE_WITHOUT_BROKER: Final = 0.8
"""While nobody listens where Kafka was: aiokafka asks thirty times a second, which Faust cannot set. Half a
core was seen once; a loop that does not wait would take all of one."""
MEMORY_GROWTH: Final = 16 * MEBIBYTE
REQUESTS_A_SECOND: Final = 10.0
"""Over the wire of what is away, once that is known: more is no backing off."""
_SETTLED: Final = 1.0
"""Seconds within which the calls that were under way have heard it, too."""
_STARTED: Final = 15
"""Messages of a slice that are at work or done when its fault begins."""
_TICK: Final = os.sysconf("SC_CLK_TCK")


def nothing() -> None:
    """Bring about nothing."""


@dataclass(frozen=True)
class Fault:
    """What goes wrong, and how it ends. Both are called beside the test's loop, and may block."""

    name: str
    begin: Callable[[], object]
    end: Callable[[], object]
    away: tuple[str, ...]
    """The dependencies that the worker must say are away; none for what it only suffers."""
    seconds: float
    wire: Wire | None = None
    """Where requests are counted."""
    cpu_share: float = CPU_SHARE
    requests_a_second: float = REQUESTS_A_SECOND
    is_audited: bool = True
    """Whether broker and store can be asked meanwhile what is committed."""


@dataclass(frozen=True)
class Gauge:
    """A worker's use of the machine at one moment."""

    moment: float
    cpu: float
    memory: int

    @classmethod
    def read(cls, worker: Worker) -> Gauge:
        """Of its process, all threads."""
        words = Path(f"/proc/{worker.process.pid}/stat").read_text().rpartition(")")[2].split()
        return cls(time.monotonic(), (int(words[11]) + int(words[12])) / _TICK, worker.memory)


@dataclass
class Life:
    """A worker process, and the traffic that is sent to it slice by slice."""

    premises: Premises
    fleet: Fleet
    auditor: Auditor
    planned: list[Planned]
    tell: Tell
    store: Path | StoreSettings
    sent: list[Sent]
    worker: Worker = field(init=False)

    def start(self, **extra: str) -> Worker:
        """Another worker takes over."""
        self.worker = self.fleet.start(**extra)
        return self.worker

    async def send(self, count: int) -> None:
        """The next messages of the plan."""
        already = len(self.sent)
        self.sent += await publish(self.premises.bootstrap, self.planned[already : already + count])

    async def flowing(self, count: int) -> None:
        """Send the next messages, and return when the worker is amid them."""
        before = len(self.worker.events("message.started"))
        await self.send(count)
        await self.until(lambda: len(self.worker.events("message.started")) >= before + _STARTED)

    async def suffer(self, fault: Fault, count: int) -> None:
        """`count` messages flow, the fault comes and goes: all end, and the same worker lives on, cheaply."""
        said = {event: len(self.worker.events(event)) for event in ("dependency.away", "dependency.back")}
        # Those that come while it lasts are held up for certain; without a broker none can come.
        early = count if fault.wire is None else max(_STARTED, count // 2)
        await self.flowing(early)
        await asyncio.to_thread(fault.begin)
        if early < count:
            await self.send(count - early)
        before = Gauge.read(self.worker)
        for dependency in fault.away:  # it lasts from when that is known, on the slowest machine too
            await self.until(partial(self._is_away, dependency))
        known = time.monotonic()
        await self._watch(fault, known + fault.seconds)
        after, asked = Gauge.read(self.worker), self._asked(fault, known)
        held_up = sum(message.offset >= self.auditor.offsets[message.partition] for message in self.sent)
        ended = await asyncio.to_thread(self._timed, fault.end)
        await self.settled()
        await self.auditor.until_done(WITHIN, every=0.5)
        back_within = time.monotonic() - ended
        for dependency in fault.away:  # all may be done by an answer that its asker has not told yet
            await self.until(partial(self._is_back, dependency, said["dependency.back"]))
        fresh = {event: self.worker.events(event)[count:] for event, count in said.items()}
        seconds, requests = after.moment - before.moment, "-" if asked is None else asked
        share, grown = (after.cpu - before.cpu) / seconds, after.memory - before.memory
        # One letter may have come twice, from a worker that was stopped before it could commit.
        letters = {source(each) for each in await read_all(self.premises.bootstrap, topics.DEAD_LETTERS)}
        self.tell(
            f"{fault.name}: {seconds:.1f} s, {count} events in, {len(self.sent)} accounted for"
            f" ({held_up} held up, all done {back_within:.1f} s after), {len(letters)} dead letters,"
            f" CPU {share:.1%} of a core, memory {grown / MEBIBYTE:+.1f} MiB, requests {requests}"
        )
        assert self.worker.is_alive
        assert len(letters) == self.planned_letters
        for dependency in fault.away:
            assert {entry["dependency"] for entry in fresh["dependency.away"]} >= {dependency}
            assert {entry["dependency"] for entry in fresh["dependency.back"]} >= {dependency}
        assert not any(self.away_by_metrics().values())
        assert not self.worker.events("image.deferred")
        assert grown < MEMORY_GROWTH
        if fault.away:
            assert held_up > 0, "nothing was held up: the fault came too late"
            assert share < fault.cpu_share
            assert asked is None or asked < fault.requests_a_second * (after.moment - known - _SETTLED)

    async def all_ended(self) -> Outcome:
        """What it all leaves behind, once the rest of the plan has been sent and has ended."""
        if rest := len(self.planned) - len(self.sent):
            await self.send(rest)
        await self.auditor.until_done(WITHIN)
        return await outcome(self.premises.bootstrap, self.store)

    @property
    def planned_letters(self) -> int:
        """Dead letters that what was sent must end in."""
        return sum(message.is_bad for message in self.sent)

    async def settled(self) -> None:
        """Return when broker and store can be asked again, and have been."""
        async with asyncio.timeout(WITHIN):
            while True:
                with contextlib.suppress(Unavailable):
                    return await self.auditor.audit()
                await asyncio.sleep(0.5)

    async def until(self, happened: Callable[[], bool], within: float = WITHIN) -> None:
        """Return when it has happened, which it must while the worker lives."""
        async with asyncio.timeout(within):
            while not happened():
                assert self.worker.is_alive, f"the worker is gone: {self.worker.log.read_text()[-2000:]}"
                await asyncio.sleep(0.1)

    def says(self, event: str, dependency: str) -> bool:
        """Whether the worker has ever said so."""
        return any(entry["dependency"] == dependency for entry in self.worker.events(event))

    def _is_back(self, dependency: str, before: int) -> bool:
        """Whether the worker has said so since it had said `before` such things."""
        return any(
            entry["dependency"] == dependency for entry in self.worker.events("dependency.back")[before:]
        )

    def _is_away(self, dependency: str) -> bool:
        return self.away_by_metrics().get(dependency) == 1

    def away_by_metrics(self) -> dict[str, float]:
        """The metric of each dependency that was ever asked for."""
        address = str(self.worker.events("http.serving")[0]["address"])
        with urllib.request.urlopen(f"{address}/metrics", timeout=10) as page:  # noqa: S310 - our own
            lines = page.read().decode().splitlines()
        found = (line for line in lines if line.startswith("tagstream_dependency_away{"))
        return {line.split('"')[1]: float(line.rpartition(" ")[2]) for line in found}

    async def _watch(self, fault: Fault, end: float) -> None:
        """Let the fault last; what is committed meanwhile is looked at, where somebody can say it."""
        while (rest := end - time.monotonic()) > 0:
            # A store that is away for longer than its driver waits says nothing of what is in it.
            with contextlib.suppress(TimeoutError, Unavailable):
                async with asyncio.timeout(rest):
                    await asyncio.sleep(min(1.0, rest))
                    if fault.is_audited:
                        await self.auditor.audit()

    def _asked(self, fault: Fault, known: float) -> int | None:
        return None if fault.wire is None else fault.wire.asked_since(known + _SETTLED)

    @staticmethod
    def _timed(end: Callable[[], object]) -> float:
        end()
        return time.monotonic()
