"""Every dependency away in every way while events flow: nothing lost, nothing condemned, and no spinning.

Each row prints what it saw. A row's worker is the same process throughout; rows of one dependency share it.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from types import MappingProxyType

import pytest

from agents.settings import StoreSettings
from deploy.stack.service import Service
from deploy.stack.stack import Stack
from schemas import topics
from schemas.uploads import Location
from streams.adapters.s3 import S3Credentials, S3Images, S3Settings
from streams.adapters.topic_reader import read_all
from tests.e2e.accounts import Auditor, Outcome
from tests.e2e.fleet import Fleet
from tests.e2e.traffic import Planned, Sent, plan
from tests.e2e.worker_under_test import BUCKET
from tests.faults.absence import Fault, Life
from tests.faults.speech import Http, Mongo, disk_full, s3_error
from tests.faults.wire import Cut, Reset, Wire, answering, broken_off, garbage, reset, silent, slow
from tests.freezing import freeze, thaw
from tests.real.premises import fresh

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

EVENTS = 500
LONG = os.environ.get("FAULTS_LONG") == "1"
SECONDS = 60.0 if LONG else 5.0
"""That a fault lasts: long enough for every pause of the backing off, up to the longest."""
SESSION_SECONDS = 6.0
STOPPED_WITHIN = 60.0
"""Far beyond the drain, the session and the grace: a worker that has not gone by then hangs."""
DISK_BYTES = 16 * 2**20
ELSEWHERE = "127.0.0.2"
PLANNED_CAUSES = {"malformed", "gone", "undecodable", "too_large", "not_allowed"}

Say = Callable[[str], None]
Switch = tuple[Callable[[], object], Callable[[], object]]
"""How something goes away, and how it comes back."""


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    def aloud(line: str) -> None:
        with capsys.disabled():
            print(f"\n  {line}", end="", flush=True)

    return aloud


@pytest.fixture(scope="module")
def planned(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> list[Planned]:
    """The messages of every run; their photographs stand in the bucket."""
    folder = tmp_path_factory.mktemp("planned")
    messages = plan(EVENTS, folder)
    asyncio.run(_put_all(stack, folder / BUCKET))
    return messages


async def _put_all(stack: Stack, folder: Path) -> None:
    """Put every file, and wait until storage has announced it: the topic is emptied after that."""
    paths, slots = sorted(folder.iterdir()), asyncio.Semaphore(16)
    already = len(await read_all(stack.settings["TAGSTREAM_KAFKA__BROKERS"], topics.UPLOADED))
    credentials = S3Credentials(
        access_key_id=stack.settings["TAGSTREAM_S3__ACCESS_KEY_ID"],
        secret_access_key=stack.settings["TAGSTREAM_S3__SECRET_ACCESS_KEY"],
    )
    where = {"endpoint_url": stack.settings["TAGSTREAM_S3__ENDPOINT_URL"], "credentials": credentials}
    async with S3Images(S3Settings(allowed_buckets=frozenset({BUCKET}), **where)) as storage:

        async def put(path: Path) -> None:
            async with slots:
                await storage.put(Location(bucket=BUCKET, key=path.name), path.read_bytes())

        await asyncio.gather(*map(put, paths))
    async with asyncio.timeout(60):
        while len(
            await read_all(stack.settings["TAGSTREAM_KAFKA__BROKERS"], topics.UPLOADED)
        ) < already + len(paths):
            await asyncio.sleep(0.5)


@asynccontextmanager
async def life(
    stack: Stack,
    folder: Path,
    planned: list[Planned],
    say: Say,
    extra: Mapping[str, str] = MappingProxyType({}),
    *,
    store: Path | None = None,
) -> AsyncIterator[Life]:
    """Workers over the stack, `extra` settings over its own; topics and documents are empty."""
    premises = await fresh(stack)
    settings = {
        **premises.settings,
        "TAGSTREAM_KAFKA__DRAIN_LIMIT": "3",
        "TAGSTREAM_KAFKA__SESSION_TIMEOUT": str(SESSION_SECONDS),
        "TAGSTREAM_S3__DEADLINE": "1",
        "TAGSTREAM_S3__MAX_OBJECT_BYTES": "10000",
        "TAGSTREAM_STORE__TIMEOUT": "2",
        "TAGSTREAM_BREAKER__CALLS": "5",
        "TAGSTREAM_BREAKER__AFTER": "1",
        "TAGSTREAM_BREAKER__FEW_AFTER": "2",
        "TAGSTREAM_RETRY__LONGEST": "2",
        "TAGSTREAM_METRICS__PORT": "0",
        "TAGSTREAM_WINDOW__CONCURRENCY": "32",
        "E2E_DELAY": "0.05",
        "NO_PROXY": "*",
        "no_proxy": "*",
        **extra,
    }
    if store is not None:
        del settings["TAGSTREAM_STORE__URL"]
        settings["TAGSTREAM_STORE__PATH"] = str(store)
    fleet = Fleet(premises.bootstrap, folder, settings, program="tests.faults.away_worker")
    found: Path | StoreSettings = premises.store if store is None else store
    sent: list[Sent] = []
    auditor = Auditor(premises.bootstrap, found, sent)
    try:
        yield Life(premises, fleet, auditor, planned, say, found, sent)
    finally:
        fleet.end()


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
    stack: Stack, planned: list[Planned], calm: Outcome, tmp_path: Path, say: Say
) -> None:
    with Wire(stack.layout.ports.s3, Http()) as wire:
        endpoint = f"http://{wire.host}:{wire.port}"
        async with life(stack, tmp_path, planned, say, {"TAGSTREAM_S3__ENDPOINT_URL": endpoint}) as away:
            away.start()
            faults = list(s3_faults(wire))
            for fault in faults:
                await away.suffer(fault, EVENTS // len(faults))
            assert await away.all_ended() == calm
            assert away.fleet.redeliveries == 0


def stopped_and_started(service: Service) -> Switch:
    return service.stop, service.start


def frozen_and_thawed(service: Service) -> Switch:
    return lambda: freeze(pid_of(service)), lambda: thaw(pid_of(service))


def pid_of(service: Service) -> int:
    """Of the process that runs now: a restart gives another."""
    pid = service.pid()
    assert pid is not None
    return pid


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
    stack: Stack, planned: list[Planned], calm: Outcome, tmp_path: Path, say: Say
) -> None:
    with Wire(stack.layout.ports.mongo, Mongo()) as wire:
        url = f"mongodb://{wire.host}:{wire.port}"
        async with life(stack, tmp_path, planned, say, {"TAGSTREAM_STORE__URL": url}) as away:
            away.start()
            faults = list(mongo_faults(stack, wire))
            for fault in faults:
                await away.suffer(fault, EVENTS // len(faults))
            assert await away.all_ended() == calm
            assert away.fleet.redeliveries == 0


async def test_kafka_restarted_and_frozen_loses_and_condemns_nothing(
    stack: Stack, planned: list[Planned], calm: Outcome, tmp_path: Path, say: Say
) -> None:
    async with life(stack, tmp_path, planned, say, {"AWAY_ACKNOWLEDGE_SECONDS": "3"}) as away:
        away.start()
        ways = {
            "restarted": (stopped_and_started(stack.broker), SECONDS),
            "frozen beyond the session timeout": (frozen_and_thawed(stack.broker), SECONDS + SESSION_SECONDS),
        }
        for name, ((begin, end), seconds) in ways.items():
            fault = Fault(f"Kafka {name}", begin, end, ("broker",), seconds, is_audited=False)
            await away.suffer(fault, EVENTS // len(ways))
        assert await away.all_ended() == calm


class Names:
    """What the worker's resolver answers."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.tell({})

    def tell(self, known: Mapping[str, str]) -> None:
        """Nothing else resolves from now on."""
        written = self.file.with_suffix(".new")
        written.write_text(json.dumps(known))
        written.replace(self.file)


async def test_names_that_do_not_resolve_and_then_name_other_addresses_are_waited_for(
    stack: Stack, planned: list[Planned], calm: Outcome, tmp_path: Path, say: Say
) -> None:
    names, known = Names(tmp_path / "names"), {}
    ports = stack.layout.ports
    with Wire(ports.s3, Http()) as s3, Wire(ports.mongo, Mongo()) as mongo:
        settings = {
            "TAGSTREAM_KAFKA__BROKERS": f"kafka.test:{ports.kafka}",
            "TAGSTREAM_STORE__URL": f"mongodb://mongo.test:{mongo.port}",
            "TAGSTREAM_S3__ENDPOINT_URL": f"http://s3.test:{s3.port}",
            "AWAY_NAMES": str(names.file),
            "AWAY_ACKNOWLEDGE_SECONDS": "3",
        }
        async with life(stack, tmp_path, planned, say, settings) as away:
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

            moved = Fault("S3 and MongoDB move, DNS failing", move, all_known, ("store",), SECONDS)
            gone = Fault("Kafka restarted, DNS failing", broker_gone, broker_there, ("broker",), SECONDS)
            await away.suffer(moved, EVENTS // 2)
            await away.suffer(replace(gone, is_audited=False), EVENTS // 2)
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
    stack: Stack, planned: list[Planned], calm: Outcome, small_disk: Path, tmp_path: Path, say: Say
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
    async with life(stack, tmp_path, planned, say, store=store) as away:
        away.start()
        full = Fault("SQLite disk full", fill, filler.unlink, ("store",), SECONDS, is_audited=False)
        await away.suffer(full, EVENTS // 2)
        assert await away.all_ended() == calm


async def test_workers_started_and_stopped_while_dependencies_are_away_lose_and_condemn_nothing(
    stack: Stack, planned: list[Planned], calm: Outcome, tmp_path: Path, say: Say
) -> None:
    ports = stack.layout.ports
    with Wire(ports.s3, Http()) as s3, Wire(ports.mongo, Mongo()) as mongo:
        settings = {
            "TAGSTREAM_STORE__URL": f"mongodb://{mongo.host}:{mongo.port}",
            "TAGSTREAM_S3__ENDPOINT_URL": f"http://{s3.host}:{s3.port}",
            "AWAY_ACKNOWLEDGE_SECONDS": "3",
        }
        freeze_broker, thaw_broker = frozen_and_thawed(stack.broker)
        ways: dict[str, tuple[Switch, ...]] = {
            "s3": ((s3.refuse, s3.heal),),
            "store": ((mongo.refuse, mongo.heal),),
            "broker": ((freeze_broker, thaw_broker),),
        }
        ways["all three"] = tuple(chain.from_iterable(ways.values()))
        async with life(stack, tmp_path, planned, say, settings) as away:
            for name, switches in ways.items():
                fault = together(name, switches)
                first = "broker" if name == "all three" else name
                await asyncio.to_thread(fault.begin)
                away.start()
                await away.until(partial(away.says, "dependency.away", first))
                await asyncio.to_thread(fault.end)
                if name == "all three":
                    await away.suffer(fault, EVENTS // 5)
                await away.flowing(EVENTS // 5)
                await asyncio.to_thread(fault.begin)
                await asyncio.sleep(1)
                asked = time.monotonic()
                code = await asyncio.to_thread(away.worker.stop, STOPPED_WITHIN)
                seconds = time.monotonic() - asked
                await asyncio.to_thread(fault.end)
                say(f"{name} away at the start and at SIGTERM: exit {code} after {seconds:.1f} s")
                assert code in (0, 3)
                await away.auditor.audit()
            away.start()
            assert await away.all_ended() == calm


def together(name: str, switches: Iterable[Switch]) -> Fault:
    """All of it at once."""
    begins, ends = zip(*switches, strict=True)
    return Fault(
        f"{name} away at once",
        lambda: [begin() for begin in begins],
        lambda: [end() for end in ends],
        ("store",),
        SECONDS,
        is_audited=False,
    )
