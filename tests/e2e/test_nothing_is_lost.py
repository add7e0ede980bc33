"""1,000 events over 4 partitions and two workers, faulted in turn; each run must equal the unfaulted one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from schemas import topics
from streams.adapters.kafka.connection import EmbeddedBroker
from tests.e2e.accounts import Auditor, Outcome, outcome
from tests.e2e.fleet import Fleet
from tests.e2e.traffic import plan, publish
from tests.seen import Tell

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

EVENTS = 1_000
WITHIN = 150.0
DELAY = 0.2
"""Seconds that an image takes: long enough for all faults to fall into a run."""
KILLS = 4
JOINS = 2


@dataclass
class Scenario:
    """One run: its workers, and the auditor that watches its offsets."""

    fleet: Fleet
    auditor: Auditor

    async def outcome(self) -> Outcome:
        return await outcome(self.fleet.bootstrap, self.fleet.store)


@asynccontextmanager
async def scenario(folder: Path, *, delay: float = 0.0) -> AsyncIterator[Scenario]:
    with EmbeddedBroker() as broker:
        broker.create(topics.UPLOADED, *topics.OUTBOUND)
        fleet = Fleet(broker.bootstrap, folder, {"E2E_DELAY": str(delay)})
        sent = await publish(broker.bootstrap, plan(EVENTS, fleet.images))
        assert {message.partition for message in sent} == {0, 1, 2, 3}
        try:
            yield Scenario(fleet, Auditor(broker.bootstrap, fleet.store, sent))
        finally:
            fleet.end()


@pytest.fixture(scope="module")
def unfaulted(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """What a run leaves in which nothing goes wrong."""

    async def run() -> Outcome:
        async with scenario(tmp_path_factory.mktemp("unfaulted")) as calm:
            calm.fleet.start()
            calm.fleet.start()
            await calm.auditor.until_done(WITHIN)
            return await calm.outcome()

    return asyncio.run(run())


def test_the_unfaulted_run_ends_everything(unfaulted: Outcome) -> None:
    causes = {cause for _, _, cause in unfaulted.letters}
    assert causes == {"malformed", "gone", "undecodable", "too_large", "not_allowed"}
    assert len(unfaulted.letters) == EVENTS // 50 * 5
    assert all(head["announced"]["verdict"] == head["verdict"] for head in unfaulted.heads.values())


async def test_workers_killed_every_few_seconds_lose_nothing(
    tmp_path: Path, unfaulted: Outcome, tell: Tell
) -> None:
    async with scenario(tmp_path, delay=DELAY) as stormy:
        fleet = stormy.fleet
        fleet.start()
        fleet.start()
        while not stormy.auditor.is_done:
            await asyncio.sleep(2)
            await stormy.auditor.audit()
            if fleet.kills < KILLS and (victim := fleet.busiest()):
                fleet.kill(victim)
                fleet.start()
        after = await stormy.outcome()
    audits = stormy.auditor.audits
    tell(f"kill -9: {fleet.kills} kills, {fleet.redeliveries} redeliveries, {audits} audits")
    assert fleet.kills == KILLS
    assert fleet.redeliveries > 0
    assert after == unfaulted


async def test_a_worker_stopped_with_work_in_flight_exits_0_and_nothing_is_redelivered(
    tmp_path: Path, unfaulted: Outcome, tell: Tell
) -> None:
    async with scenario(tmp_path, delay=DELAY) as stopping:
        fleet = stopping.fleet
        first, second = fleet.start(), fleet.start()
        # Both are at work, so the group is settled: in mid-rebalance the embedded broker takes no commits.
        while len(first.held()) < 50 or len(second.held()) < 8:
            await asyncio.sleep(0.2)
        code = await asyncio.to_thread(first.stop, 15)
        await stopping.auditor.until_done(WITHIN)
        after = await stopping.outcome()
    of_the_stopped = first.held() & second.starts().keys()
    started, repeated = len(first.held()), len(of_the_stopped)
    tell(f"SIGTERM: exit {code}, {started} started, {repeated} of them redelivered")
    assert code == 0
    assert started >= 50
    assert not of_the_stopped
    assert after == unfaulted


async def test_workers_that_join_and_leave_lose_nothing(
    tmp_path: Path, unfaulted: Outcome, tell: Tell
) -> None:
    async with scenario(tmp_path, delay=DELAY) as busy:
        fleet = busy.fleet
        fleet.start()  # one stays: of 4 partitions Faust's sticky assignor would give a third worker none
        joins = 0
        while not busy.auditor.is_done:
            await busy.auditor.audit()
            await asyncio.sleep(0.5)
            if joins == JOINS:
                continue
            joiner = fleet.start()
            while not joiner.events("message.started") and not busy.auditor.is_done:
                await busy.auditor.audit()
                await asyncio.sleep(0.5)
            joins += bool(joiner.events("message.started"))
            assert await asyncio.to_thread(joiner.stop, 15) == 0
        after = await busy.outcome()
    tell(f"joins and leaves: {joins}, {fleet.redeliveries} redeliveries")
    assert joins == JOINS
    assert after == unfaulted
