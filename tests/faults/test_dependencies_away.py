"""Every dependency away in every way while events flow: nothing lost, nothing condemned, and no spinning.

Each row prints what it saw. A row's worker is the same process throughout; rows of one dependency share it.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path

import pytest

from deploy.stack.stack import Stack
from tests.e2e.accounts import Outcome
from tests.e2e.traffic import Planned, plan
from tests.e2e.worker_under_test import BUCKET
from tests.faults.absence import CPU_SHARE_WITHOUT_BROKER, Fault
from tests.faults.lives import (
    SECONDS,
    SESSION_SECONDS,
    Names,
    Switch,
    frozen_and_thawed,
    life,
    put_all,
    stopped_and_started,
    together,
)
from tests.faults.speech import Http, Mongo, disk_full, s3_error
from tests.faults.wire import Cut, Reset, Wire, answering, broken_off, garbage, reset, silent, slow
from tests.seen import Tell

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

EVENTS = 300
STOPPED_WITHIN = 60.0
"""Far beyond the drain, the session and the grace: a worker that has not gone by then hangs."""
DISK_BYTES = 16 * 2**20
ELSEWHERE = "127.0.0.2"
PLANNED_CAUSES = {"malformed", "gone", "undecodable", "too_large", "not_allowed"}


@pytest.fixture(scope="module")
def planned(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> list[Planned]:
    """The messages of every run; their photographs stand in the bucket."""
    folder = tmp_path_factory.mktemp("planned")
    messages = plan(EVENTS, folder)
    asyncio.run(put_all(stack, folder / BUCKET))
    return messages


@pytest.fixture(scope="module")
def calm(stack: Stack, planned: list[Planned], tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """What a run leaves in which nothing goes wrong."""

    async def run() -> Outcome:
        async with life(stack, tmp_path_factory.mktemp("calm"), planned, print) as undisturbed:
            undisturbed.start()
            return await undisturbed.all_ended()

    return asyncio.run(run())


def test_the_calm_run_ends_everything(calm: Outcome) -> None:
    assert {cause for _, _, cause in calm.letters} == PLANNED_CAUSES
    assert len(calm.letters) == EVENTS // 50 * 5
    assert all(head["announced"]["verdict"] == head["verdict"] for head in calm.heads.values())


def s3_faults(wire: Wire) -> Iterator[Fault]:
    """Everything that storage can do instead of answering."""

    def row(name: str, begin: Callable[[], object], *, is_away: bool = True) -> Fault:
        return Fault(f"S3 {name}", begin, wire.heal, ("s3",) if is_away else (), SECONDS, wire)

    def said(status: str, code: str) -> Callable[[], None]:
        return partial(wire.bring, answering(lambda _: s3_error(status, code)))

    yield row("503 SlowDown", said("503 Slow Down", "SlowDown"))
    yield row("403 AccessDenied", said("403 Forbidden", "AccessDenied"))
    yield row("403 ExpiredToken", said("403 Forbidden", "ExpiredToken"))
    yield row("refused", wire.refuse)
    yield row("silent", partial(wire.bring, silent))
    yield row("reset when connecting", wire.tear_down)
    yield row("half a body", partial(wire.bring, broken_off(Cut)))
    yield row("reset in mid-body", partial(wire.bring, broken_off(Reset)))
    yield row("slow, within the deadline", partial(wire.bring, slow(1_000)), is_away=False)
    yield row("slow beyond the deadline", partial(wire.bring, slow(60)))
    yield row("garbage", partial(wire.bring, garbage))


async def test_storage_away_in_every_way_loses_and_condemns_nothing(
    stack: Stack, planned: list[Planned], calm: Outcome, tmp_path: Path, tell: Tell
) -> None:
    with Wire(stack.layout.ports.s3, Http()) as wire:
        endpoint = f"http://{wire.host}:{wire.port}"
        async with life(stack, tmp_path, planned, tell, {"TAGSTREAM_S3__ENDPOINT_URL": endpoint}) as away:
            away.start()
            faults = list(s3_faults(wire))
            for fault in faults:
                await away.suffer(fault, EVENTS // len(faults))
            assert await away.all_ended() == calm
            assert away.fleet.redeliveries == 0


def mongo_faults(stack: Stack, wire: Wire) -> Iterator[Fault]:
    """Everything that the store can do instead of answering; the last stops the server itself."""

    def row(name: str, begin: Callable[[], object], end: Callable[[], object] = wire.heal) -> Fault:
        return Fault(f"MongoDB {name}", begin, end, ("store",), SECONDS, wire)

    yield row("refused", wire.refuse)
    yield row("silent", partial(wire.bring, silent))
    yield row("reset instead of an answer", partial(wire.bring, reset))
    yield row("disk full", partial(wire.bring, answering(disk_full)))
    yield row("frozen", *frozen_and_thawed(stack.documents))
    yield row("restarted", *stopped_and_started(stack.documents))


async def test_mongodb_away_in_every_way_loses_and_condemns_nothing(
    stack: Stack, planned: list[Planned], calm: Outcome, tmp_path: Path, tell: Tell
) -> None:
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


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, to be filled; only root may mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk cannot be mounted here (it takes root)")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


async def test_a_disk_that_is_full_under_sqlite_loses_and_condemns_nothing(
    stack: Stack, planned: list[Planned], calm: Outcome, small_disk: Path, tmp_path: Path, tell: Tell
) -> None:
    filler = small_disk / "filler"

    def fill() -> None:
        with suppress(OSError), filler.open("wb", buffering=0) as file:
            for piece in (64 * 1024, 4096):
                with suppress(OSError):
                    while file.write(bytes(piece)) == piece:
                        pass
        assert shutil.disk_usage(small_disk).free == 0

    store = small_disk / "scores.sqlite"
    async with life(stack, tmp_path, planned, tell, store=store) as away:
        away.start()
        full = Fault("SQLite disk full", fill, filler.unlink, ("store",), SECONDS, is_audited=False)
        await away.suffer(full, EVENTS // 2)
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
                await away.auditor.audit()
            away.start()
            assert await away.all_ended() == calm
