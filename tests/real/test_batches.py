"""A batch job over real servers: servers killed, storage frozen and killed; every row once, none failed."""

from __future__ import annotations

import asyncio
import csv
import hashlib
import io
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from agents.wiring.stores import open_store
from deploy.stack.service import Service
from deploy.stack.stack import Stack
from operations import batch_jobs
from schemas import topics
from schemas.batch_jobs import BatchChunk, BatchJob, BatchState
from streams.ports import BatchJobs
from tests.e2e.fleet import Worker
from tests.freezing import freeze, thaw
from tests.real import group
from tests.real.bucket import Bucket
from tests.real.findings import WITHIN, Findings
from tests.real.premises import Premises
from tests.real.processes import doomed_server, product_worker, tagstream
from tests.real.test_shadow import picture
from tests.seen import Tell

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

ROWS: Final = 10_000
KEYS: Final = [f"r1/{number}.png" for number in range(60)]
LISTED: Final = [KEYS[number % len(KEYS)] for number in range(ROWS)]
PREFIX: Final = "jobs/nov/"
KILLS: Final = 2


class Running:
    """The servers that work at one job, and its document."""

    def __init__(self, premises: Premises, folder: Path, *, lives: ExitStack, jobs: BatchJobs) -> None:
        self._premises, self._folder, self._lives, self._jobs = premises, folder, lives, jobs
        self.storage = premises.stack.storage
        self.servers: list[Worker] = []
        self.id = ""

    def start(self) -> None:
        """One more server."""
        log = self._folder / f"serve-{len(self.servers)}.log"
        settings = {"TAGSTREAM_S3__DEADLINE": "1", "TAGSTREAM_RETRY__LONGEST": "1"}
        self.servers.append(self._lives.enter_context(doomed_server(self._premises, log, **settings)))

    def submit(self) -> None:
        """A list of this machine."""
        listed = self._folder / "list.csv"
        listed.write_text("".join(f"{key}\n" for key in ("image", *LISTED)))
        options = ("--output", f"s3://{self._premises.bucket}/{PREFIX}", "--detach", "--json")
        self.id = json.loads(tagstream(self._premises, "batch", "submit", str(listed), *options))["id"]

    async def until(self, holds: Callable[[BatchJob], object]) -> BatchJob:
        """The job once that holds."""
        async with asyncio.timeout(WITHIN):
            while not holds(job := await self.stored()):
                await asyncio.sleep(0.02)
        return job

    async def stored(self) -> BatchJob:
        return await batch_jobs.known(self._jobs, self.id)

    def at_work(self, job: BatchJob) -> tuple[Worker, BatchChunk] | None:
        """A server that lives, and its chunk."""
        for server in self.servers:
            for chunk in job.open if server.is_alive else ():
                if chunk.lease and chunk.lease.runner.split(":")[1] == str(server.process.pid):
                    return server, chunk
        return None

    def absences(self) -> int:
        """How often a server that lives has found storage away."""
        seen = [
            each for server in self.servers if server.is_alive for each in server.events("dependency.away")
        ]
        return sum(each["dependency"] == "s3" for each in seen)

    @asynccontextmanager
    async def amid_chunk(self, *, behind: int) -> AsyncIterator[tuple[Worker, BatchChunk]]:
        """A server and its chunk, which cannot come to its end within the block: storage is frozen."""
        while True:
            found = await self.until(lambda job: job.counts.chunks >= behind and self.at_work(job))
            with frozen(self.storage):
                still = self.at_work(await self.stored())
                if still and still == self.at_work(found):  # it was not at its end
                    yield still
                    return

    async def missed(self, before: int) -> None:
        """Return when a server has found storage away once more than that."""
        async with asyncio.timeout(WITHIN):
            while self.absences() <= before:
                await asyncio.sleep(0.1)


@pytest.fixture
async def running(premises: Premises, tmp_path: Path) -> AsyncIterator[Running]:
    """Two servers."""
    async with open_store(premises.store) as jobs:
        with ExitStack() as lives:
            run = Running(premises, tmp_path, lives=lives, jobs=jobs)
            for _ in range(2):
                run.start()
            yield run


async def test_servers_and_storage_that_die_cost_no_row_and_the_results_are_no_uploads(
    stack: Stack,
    running: Running,
    premises: Premises,
    *,
    bucket: Bucket,
    findings: Findings,
    tmp_path: Path,
    tell: Tell,
) -> None:
    for number, key in enumerate(KEYS):
        bucket.put(key, picture(number))
    begun = time.monotonic()
    running.submit()

    repeated = 0
    standing: list[Mapping[str, object]] = []
    for kill in range(KILLS):
        async with running.amid_chunk(behind=kill + 1) as (server, chunk):
            server.kill()
        standing.append(bucket.written(f"{PREFIX}part-"))
        repeated += f"{PREFIX}part-{chunk.number:06d}.csv" not in standing[-1]
        running.start()
    async with running.amid_chunk(behind=KILLS + 1):
        await running.missed(running.absences())
    async with running.amid_chunk(behind=KILLS + 2):
        before = running.absences()
        kill_service(stack.storage)
        try:
            await running.missed(before)
        finally:
            stack.storage.start()
    done = await running.until(lambda job: job.state is not BatchState.RUNNING)

    seconds = time.monotonic() - begun
    tell(f"batch: {ROWS:,} rows, {KILLS} kills, {seconds:.0f} s, {repeated} of {done.counts.chunks} repeated")
    assert (done.state, done.counts.rows, done.counts.failed) == (BatchState.FINISHED, ROWS, 0)
    check_results(bucket)
    for parts in standing:
        assert parts.items() <= bucket.written(f"{PREFIX}part-").items()
    with product_worker(premises, tmp_path):
        await findings.all_until(KEYS)
        await group.done(premises.bootstrap)
    assert f"{PREFIX}manifest.json" in await findings.notified()
    assert set(await findings.heads()) == set(KEYS)
    assert await findings.messages(topics.DEAD_LETTERS) == ()


def check_results(bucket: Bucket) -> None:
    """Every row is there once, in its order, in the parts that the manifest names."""
    held = bucket.holds()
    manifest: dict[str, Any] = json.loads(held[f"{PREFIX}manifest.json"])
    keys = [part["key"] for part in manifest["parts"]]
    assert keys == sorted(key for key in held if key.startswith(f"{PREFIX}part-"))
    assert [part["sha256"] for part in manifest["parts"]] == [
        hashlib.sha256(held[key]).hexdigest() for key in keys
    ]
    rows = [row for key in keys for row in csv.DictReader(io.StringIO(held[key].decode(), newline=""))]
    assert [row["image"] for row in rows] == LISTED
    assert {row["status"] for row in rows} == {"ok"}


def pid_of(service: Service) -> int:
    pid = service.pid()
    assert pid is not None
    return pid


@contextmanager
def frozen(service: Service) -> Iterator[None]:
    """It answers nobody within the block, unless it is killed there."""
    freeze(pid := pid_of(service))
    try:
        yield
    finally:
        if service.pid() == pid:
            thaw(pid)


def kill_service(service: Service) -> None:
    """With SIGKILL, which ends a frozen one, too."""
    os.kill(pid_of(service), signal.SIGKILL)
    while service.pid() is not None:
        time.sleep(0.01)
