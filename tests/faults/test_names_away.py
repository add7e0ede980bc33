"""Names that do not resolve, and workers started and stopped while everything is away: nothing lost."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path

import pytest

from deploy.stack.stack import Stack
from tests.e2e.accounts import Outcome
from tests.e2e.traffic import Planned
from tests.faults.absence import CPU_SHARE_WITHOUT_BROKER, Fault
from tests.faults.lives import (
    EVENTS,
    SECONDS,
    Names,
    Switch,
    frozen_and_thawed,
    life,
    together,
)
from tests.faults.speech import Http, Mongo
from tests.faults.wire import Wire
from tests.seen import Tell

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

STOPPED_WITHIN = 60.0
"""Far beyond the drain, the session and the grace: a worker that has not gone by then hangs."""
ELSEWHERE = "127.0.0.2"


async def test_names_that_do_not_resolve_and_then_name_other_addresses_are_waited_for(
    stack: Stack, planned: list[Planned], calm: Outcome, tmp_path: Path, tell: Tell
) -> None:
    names, known = Names(tmp_path / "names"), {}
    ports = stack.layout.ports
    with Wire(ports.s3, Http()) as s3, Wire(ports.mongo, Mongo()) as mongo:
        settings = {
            "TAGSTREAM_KAFKA__BROKERS": f"kafka.test:{ports.kafka}",
            "TAGSTREAM_STORE__URL": f"mongodb://mongo.test:{mongo.port}",
            "TAGSTREAM_S3__ENDPOINT_URL": f"http://s3.test:{s3.port}",
            "AWAY_NAMES": str(names.file),
            "AWAY_BROKER_SECONDS": "3",
        }
        async with life(stack, tmp_path, planned, tell, settings) as away:
            away.start()
            for name, dependency in {"kafka.test": "broker", "mongo.test": "store", "s3.test": "s3"}.items():
                await away.until(partial(away.says, "dependency.away", dependency))
                known[name] = s3.host
                names.tell(known)
                await away.until(partial(away.says, "dependency.back", dependency))

            def move() -> None:
                names.tell({})
                s3.move(ELSEWHERE)
                mongo.move(ELSEWHERE)

            def broker_gone() -> None:
                names.tell({name: ELSEWHERE for name in known if name != "kafka.test"})
                stack.broker.stop()

            def all_known() -> None:
                names.tell(known | {"mongo.test": ELSEWHERE, "s3.test": ELSEWHERE})

            def broker_there() -> None:
                stack.broker.start()
                time.sleep(1)  # it is there, and its name does not resolve yet
                all_known()

            moved = Fault("S3 and MongoDB move, DNS failing", move, all_known, ("store",), SECONDS + 2)
            gone = Fault("Kafka restarted, DNS failing", broker_gone, broker_there, ("broker",), SECONDS)
            await away.suffer(moved, EVENTS // 2)
            await away.suffer(
                replace(gone, is_audited=False, cpu_share=CPU_SHARE_WITHOUT_BROKER), EVENTS // 2
            )
            assert await away.all_ended() == calm


async def test_workers_started_and_stopped_while_dependencies_are_away_lose_and_condemn_nothing(
    stack: Stack, planned: list[Planned], calm: Outcome, tmp_path: Path, tell: Tell
) -> None:
    ports = stack.layout.ports
    with Wire(ports.s3, Http()) as s3, Wire(ports.mongo, Mongo()) as mongo:
        settings = {
            "TAGSTREAM_STORE__URL": f"mongodb://{mongo.host}:{mongo.port}",
            "TAGSTREAM_S3__ENDPOINT_URL": f"http://{s3.host}:{s3.port}",
            "AWAY_BROKER_SECONDS": "3",
        }
        freeze_broker, thaw_broker = frozen_and_thawed(stack.broker)
        ways: dict[str, tuple[Switch, ...]] = {
            "s3": ((s3.refuse, s3.heal),),
            "store": ((mongo.refuse, mongo.heal),),
            "broker": ((freeze_broker, thaw_broker),),
        }
        ways["all three"] = tuple(chain.from_iterable(ways.values()))
        async with life(stack, tmp_path, planned, tell, settings) as away:
            for name, switches in ways.items():
                fault = together(name, switches)
                first = "broker" if name == "all three" else name
                await asyncio.to_thread(fault.begin)
                away.start()
                await away.until(partial(away.says, "dependency.away", first))
                await asyncio.to_thread(fault.end)
                await away.settled()
                if name == "all three":
                    await away.suffer(fault, EVENTS // 5)
                await away.flowing(EVENTS // 5)
                await asyncio.to_thread(fault.begin)
                await asyncio.sleep(1)
                asked = time.monotonic()
                code = await asyncio.to_thread(away.worker.stop, STOPPED_WITHIN)
                seconds = time.monotonic() - asked
                await asyncio.to_thread(fault.end)
                tell(f"{name} away at the start and at SIGTERM: exit {code} after {seconds:.1f} s")
                assert code in (0, 3)
                await away.settled()
            away.start()
            assert await away.all_ended() == calm
