"""One soak, from its traffic to its account."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from schemas import topics
from schemas.identity import image_id
from tests.real.premises import Premises
from tests.soak import absences, broker, evidence, storage, trail
from tests.soak.account import Account, Fault, Finding, balance, unread
from tests.soak.announced import unannounced
from tests.soak.contents import RandomBytes, Samples
from tests.soak.crew import Crew
from tests.soak.faults import Faults
from tests.soak.ledger import Ledger, Photograph
from tests.soak.oracle import Oracle
from tests.soak.plan import BUCKET, Plan
from tests.soak.progress import Voice
from tests.soak.result import Result, Work
from tests.soak.samples import Offsets, Sampler, memories, note_recoveries, slope
from tests.soak.traffic import Traffic, World, removal_of, upload_of

STUCK_SECONDS: Final = 120.0
"""In which something must be handled, when everything is well again; else what waits counts as lost."""
ATTEMPTS: Final = 3
"""To have announced what storage forgot; the last is a producer's, which the broker acknowledges."""
QUIET: Final = 3
"""Looks in a row without a backlog until it counts as gone."""
CALM: Final = 8.0
"""Seconds at the end of the traffic in which no fault begins."""
FIRST_SECONDS: Final = 90.0
"""In which the workers must have joined their group."""
TRAILS: Final = "findings.jsonl"
"""Beside the workers' logs: all that is known of the images of which something is wrong."""


@dataclass
class Soak:
    """What a soak is made of while it runs."""

    plan: Plan
    premises: Premises
    folder: Path
    voice: Voice
    ledger: Ledger = field(default_factory=Ledger)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    is_interrupted: bool = False
    _began: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.crew = Crew(self.plan, self.premises.settings, self.folder)
        self.sampler = Sampler(self.crew, Offsets(self.premises.bootstrap), self.clock)
        self.faults = Faults(self.premises.stack, self.crew, self.plan.seed, self.clock)
        self.moderator = broker.Moderator()
        self.traffic: Traffic | None = None
        self.unannounced = 0

    def clock(self) -> float:
        """Seconds since the soak began."""
        return time.monotonic() - self._began

    async def run(self) -> Result:
        """Traffic, drain, account; the workers have ended when it returns."""
        began = datetime.now(UTC)
        try:
            async with self._world() as world:
                return await self._run(world, began)
        finally:
            self.crew.end()

    async def _run(self, world: World, began: datetime) -> Result:
        for _ in range(self.plan.workers):
            self.crew.hire()
        async with _running(self.sampler.run()), _running(self.crew.supervise()):
            await self._until_joined()
            self._began = time.monotonic()  # what came before was preparation
            for member in self.crew.members:
                member.began = self._began
            self.sampler.samples.clear()
            async with _running(self.voice.show(self)), _interruptible(self):
                await self._traffic(world)
                flowed = self.clock()
                left = await self._drain(world)
            drained = self.clock() - flowed
            for member in self.crew.alive:
                member.look()
                await self.crew.dismiss(member)
        self.voice.say("Reading everything back")
        account = await self._account(left)
        return self._result(account, began, flowed, drained)

    @asynccontextmanager
    async def _world(self) -> AsyncIterator[World]:
        contents = await asyncio.to_thread(Samples) if self.plan.is_real_model else RandomBytes()
        async with (
            storage.opened(self.premises.settings, self.ledger) as store,
            broker.opened(self.premises.bootstrap, self.ledger) as outbox,
            _running(self.moderator.follow(self.premises.bootstrap)),
        ):
            yield World(store, outbox, self.moderator, contents, self.ledger)

    async def _until_joined(self) -> None:
        """Each has seen its first rebalance, which is what it logs of its joining."""
        self.voice.say(f"{self.plan.workers} workers start")
        deadline = time.monotonic() + FIRST_SECONDS
        while not all('"partitions.revoked"' in each.worker.log.read_text() for each in self.crew.alive):
            if time.monotonic() > deadline:
                raise RuntimeError(f"the workers did not join; their logs are in {self.folder}")
            await asyncio.sleep(0.5)

    async def _traffic(self, world: World) -> None:
        """At the plan's rate, until its time is over or Ctrl-C; a fault under way ends as it would."""
        self.traffic = Traffic(self.plan, world)
        async with asyncio.TaskGroup() as group:
            group.create_task(self.traffic.run(self.ended))
            group.create_task(self.faults.run(self.plan.seconds - CALM, self.ended))
            with suppress(TimeoutError):
                await asyncio.wait_for(self.ended.wait(), self.plan.seconds)
            self.ended.set()

    async def _drain(self, world: World) -> int:
        """Until nothing waits; how many messages still do when the time for it is over."""
        self.voice.say("Traffic has ended; what waits is worked off")
        for service in self.premises.stack.services:
            await asyncio.to_thread(service.start)
        await self._announce_anew(world)
        quiet, handled, since = 0, -1, time.monotonic()
        progress = None
        while quiet < QUIET and time.monotonic() < since + STUCK_SECONDS:
            await asyncio.sleep(1.0)
            progress = await self.sampler.offsets.progress() or progress
            if progress and progress.handled > handled:
                handled, since = progress.handled, time.monotonic()
            quiet = quiet + 1 if progress and not progress.lag else 0
        return progress.lag if progress else -1

    async def _announce_anew(self, world: World) -> None:
        """What storage forgot to say is said once more: by storage, and where it goes on forgetting by us."""
        for attempt in range(ATTEMPTS):
            await asyncio.sleep(2.0)
            uploads = await evidence.read(self.premises.bootstrap, topics.UPLOADED)
            missing, keys = unannounced(self.ledger, uploads)
            if attempt == 0:
                self.unannounced = missing
            say = self._put_again if attempt < ATTEMPTS - 1 else self._publish
            for photograph in map(self.ledger.at, keys):
                await say(world, photograph)

    async def _put_again(self, world: World, photograph: Photograph) -> None:
        if photograph.data is not None:
            self.ledger.announced_anew += 1
            await world.storage.put(photograph.key, photograph.data)

    async def _publish(self, world: World, photograph: Photograph) -> None:
        self.ledger.announced_anew += 1
        say = removal_of if photograph.data is None else upload_of
        key = image_id(BUCKET, photograph.key)
        await world.outbox.publish(topics.UPLOADED, key, say(photograph.key))

    async def _account(self, left: int) -> Account:
        found = await evidence.gathered(self.premises.bootstrap, self.premises.store)
        account = balance(Oracle(self.ledger).expect(found.published), found)
        account.findings += unread(self.ledger.acknowledged, found)
        if left:
            why = f"nothing was, for {STUCK_SECONDS:g} s" if left > 0 else "the broker did not answer"
            account.findings.append(Finding(Fault.LOST, f"{left} messages", f"never handled: {why}"))
        if not account.is_clean:
            trail.write(self.folder / TRAILS, account, found, self.ledger)
        return account

    def _result(self, account: Account, began: datetime, flowed: float, drained: float) -> Result:
        samples, struck = self.sampler.samples, self.faults.struck
        note_recoveries(struck, samples, rate=self.plan.rate)
        born = {each.number: each.began - self._began for each in self.crew.members}
        messages, again = self.crew.redeliveries()
        cpu = sum(member.cpu for member in self.crew.members)
        logs = {each.number: each.worker.log for each in self.crew.members}
        absent = absences.said(logs, datetime.now(UTC) - timedelta(seconds=self.clock()))
        return Result(
            plan=self.plan,
            began=began,
            traffic_seconds=flowed,
            drain_seconds=drained,
            account=account,
            work=Work(messages, again, cpu, self.crew.deaths, self.crew.exits),
            struck=struck,
            samples=samples,
            memories=memories(samples, born),
            slope=slope(samples, born),
            unannounced=self.unannounced,
            refused=self.ledger.refused,
            turned_back=self.sampler.offsets.turned_back,
            false_absences=absences.unexplained(absent, struck),
            is_interrupted=self.is_interrupted,
        )


@asynccontextmanager
async def _running(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """`work` beside the block; what it dies of is raised when the block has ended."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
    if not task.cancelled():
        task.result()


@asynccontextmanager
async def _interruptible(soak: Soak) -> AsyncIterator[None]:
    """Ctrl-C ends the traffic, and in order; a second one ends everything."""
    loop = asyncio.get_running_loop()

    def interrupted() -> None:
        soak.is_interrupted = True
        soak.ended.set()
        loop.remove_signal_handler(signal.SIGINT)

    loop.add_signal_handler(signal.SIGINT, interrupted)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)
