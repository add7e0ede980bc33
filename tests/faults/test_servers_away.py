"""MongoDB and Kafka away in every way while events flow: nothing lost or condemned, and no spinning.

Each row tells what it saw. A row's worker is the same process throughout; rows of one dependency share it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from deploy.stack.stack import Stack
from tests.e2e.accounts import Outcome
from tests.e2e.traffic import Planned
from tests.faults.absence import CPU_SHARE_WITHOUT_BROKER, Fault
from tests.faults.lives import (
    EVENTS,
    SECONDS,
    SESSION_SECONDS,
    frozen_and_thawed,
    life,
    stopped_and_started,
)
from tests.faults.speech import Mongo, disk_full
from tests.faults.wire import Wire, answering, reset, silent
from tests.seen import Tell

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

REQUESTS_BESIDE_READS = 50.0
PLANNED_CAUSES = {"malformed", "gone", "undecodable", "too_large", "not_allowed"}


def test_the_calm_run_ends_everything(calm: Outcome) -> None:
    assert {cause for _, _, cause in calm.letters} == PLANNED_CAUSES
    assert len(calm.letters) == EVENTS // 50 * 5
    assert all(head["announced"]["verdict"] == head["verdict"] for head in calm.heads.values())


def mongo_faults(stack: Stack, wire: Wire) -> Iterator[Fault]:
    """Everything that the store can do instead of answering; the last stops the server itself."""

    def row(name: str, begin: Callable[[], object], end: Callable[[], object] = wire.heal) -> Fault:
        return Fault(f"MongoDB {name}", begin, end, ("store",), SECONDS, wire)

    yield row("refused", wire.refuse)
    yield row("silent", partial(wire.bring, silent))
    yield row("reset instead of an answer", partial(wire.bring, reset))
    # Reads are answered: a late one closes the breaker, and all that wait try their writes once more.
    full = partial(wire.bring, answering(disk_full))
    yield replace(row("disk full", full), requests_a_second=REQUESTS_BESIDE_READS)
    yield row("frozen", *frozen_and_thawed(stack.documents))
    yield row("restarted", *stopped_and_started(stack.documents))


async def test_mongodb_away_in_every_way_loses_and_condemns_nothing(
    stack: Stack, planned: list[Planned], calm: Outcome, tmp_path: Path, tell: Tell
) -> None:
    if stack.documents_url:
        pytest.skip("the document store is not ours to stand before, to freeze and to stop")
    with Wire(stack.layout.ports.mongo, Mongo()) as wire:
        url = f"mongodb://{wire.host}:{wire.port}"
        async with life(stack, tmp_path, planned, tell, {"TAGSTREAM_STORE__URL": url}) as away:
            away.start()
            faults = list(mongo_faults(stack, wire))
            for fault in faults:
                await away.suffer(fault, EVENTS // len(faults))
            assert await away.all_ended() == calm
            assert away.fleet.redeliveries == 0


async def test_kafka_restarted_and_frozen_loses_and_condemns_nothing(
    stack: Stack, planned: list[Planned], calm: Outcome, tmp_path: Path, tell: Tell
) -> None:
    async with life(stack, tmp_path, planned, tell, {"AWAY_BROKER_SECONDS": "3"}) as away:
        away.start()
        ways = {
            "restarted": (stopped_and_started(stack.broker), SECONDS),
            "frozen beyond the session timeout": (frozen_and_thawed(stack.broker), SECONDS + SESSION_SECONDS),
        }
        for name, ((begin, end), seconds) in ways.items():
            fault = Fault(
                f"Kafka {name}",
                begin,
                end,
                ("broker",),
                seconds,
                is_audited=False,
                cpu_share=CPU_SHARE_WITHOUT_BROKER,
            )
            await away.suffer(fault, EVENTS // len(ways))
        assert await away.all_ended() == calm
