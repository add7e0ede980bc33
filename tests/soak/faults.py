"""The faults: what is done to whom, in an order that the seed gives."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from deploy.stack.service import Service
from deploy.stack.stack import Stack
from tests.freezing import freeze, thaw
from tests.soak.crew import Crew
from tests.soak.plan import SESSION

GAP: Final = (4.0, 10.0)
"""Seconds between two faults."""
AWAY: Final = (1.0, 5.0)
"""Seconds for which a server is stopped."""
JOINED: Final = 30.0
"""Seconds in which a worker that joins is to get some work; there may be none for it."""
FROZEN: Final = (3.0, 8.0)
"""Seconds for which a server is frozen."""


@dataclass
class Struck:
    """One fault that happened. Seconds are of the soak."""

    name: str
    began: float
    ended: float
    recovered: float | None = None
    """When the backlog was again what it had been; None where it never was."""

    @property
    def recovery(self) -> float | None:
        """Seconds from its end until then."""
        return None if self.recovered is None else max(0.0, self.recovered - self.ended)


@dataclass
class Faults:
    """Strikes, one after another. All that was stopped or frozen goes on when `strike` returns."""

    stack: Stack
    crew: Crew
    seed: int
    clock: Callable[[], float]
    """Seconds of the soak."""
    struck: list[Struck] = field(default_factory=list)
    current: str | None = None
    _dice: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._dice = random.Random(f"faults {self.seed}")
        broker, store, storage = self.stack.broker, self.stack.documents, self.stack.storage
        self._strikes: dict[str, Callable[[], Awaitable[None]]] = {
            "worker killed": self._kill,
            "worker stopped": self._stop,
            "worker frozen": self._freeze_worker,
            "worker joins and leaves": self._visit,
            "broker restarted": lambda: self._restart(broker),
            "store restarted": lambda: self._restart(store),
            "storage restarted": lambda: self._restart(storage),
            "broker frozen": lambda: self._freeze(broker),
            "store frozen": lambda: self._freeze(store),
            "storage frozen": lambda: self._freeze(storage),
        }

    async def run(self, until: float, ended: asyncio.Event) -> None:
        """Strike now and then, until second `until` or `ended`; a fault under way ends as it would."""
        for name in self._order():
            gap = self._dice.uniform(*GAP)
            if self.clock() + gap > until:
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), gap)
            if ended.is_set():
                return
            await self.strike(name)

    async def strike(self, name: str) -> None:
        """One fault, from its beginning to its end."""
        began, self.current = self.clock(), name
        try:
            await self._strikes[name]()
        finally:
            self.current = None
        self.struck.append(Struck(name, began, self.clock()))

    def _order(self) -> Iterator[str]:
        """Every kind once, then every kind again in another order."""
        while True:
            deck = list(self._strikes)
            self._dice.shuffle(deck)
            yield from deck

    async def _kill(self) -> None:
        self.crew.kill(self._dice.choice(self.crew.alive))
        self.crew.hire()

    async def _stop(self) -> None:
        await self.crew.dismiss(self._dice.choice(self.crew.alive))
        self.crew.hire()

    async def _freeze_worker(self) -> None:
        """Beyond its session: its peers take over, and then it wakes up with work in its hands."""
        victim = self._dice.choice(self.crew.alive)
        await _frozen(victim.pid, SESSION + self._dice.uniform(2, 5))

    async def _visit(self) -> None:
        visitor, stay = self.crew.hire(), self._dice.uniform(2, 6)
        deadline = time.monotonic() + JOINED
        while not visitor.has_begun and time.monotonic() < deadline:
            await asyncio.sleep(0.5)
        await asyncio.sleep(stay)
        if visitor.worker.is_alive:
            await self.crew.dismiss(visitor)

    async def _restart(self, service: Service) -> None:
        pause = self._dice.uniform(*AWAY)
        await asyncio.to_thread(service.stop)
        try:
            await asyncio.sleep(pause)
        finally:
            await asyncio.to_thread(service.start)

    async def _freeze(self, service: Service) -> None:
        pid = service.pid()
        assert pid is not None, f"{service.name} does not run"
        await _frozen(pid, self._dice.uniform(*FROZEN))


async def _frozen(pid: int, seconds: float) -> None:
    until = time.monotonic() + seconds
    try:
        await asyncio.to_thread(freeze, pid)
        await asyncio.sleep(max(0.0, until - time.monotonic()))
    finally:
        thaw(pid)
