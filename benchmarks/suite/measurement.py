"""One program over the stack: warmed up, given photographs, timed, and checked for having done them all."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from prometheus_client.parser import text_string_to_metric_families

from benchmarks.processor import cpu_seconds
from benchmarks.suite import process_tree
from benchmarks.suite.photographs import Kind
from benchmarks.suite.programs import Program, Started, started
from benchmarks.suite.servers import Site, Upload, uploads
from deploy.stack.stack import Stack

WARM: Final = 96
"""Photographs of each kind before any is counted: batches of every size have been."""
LIMIT_SECONDS: Final = 400.0
"""That a program may take for what it was given."""
POLL: Final = 0.05
SETTLE: Final = 1.0
"""Seconds behind the last tag event and row, so that offsets are committed and counted."""
ROW_SECONDS: Final = 30.0
"""That a row may come behind its tag event: Quix Streams writes its rows at checkpoints, every 5 s."""
ROW_POLL: Final = 0.25


@dataclass(frozen=True, slots=True)
class Sample:
    """What one program took for the photographs of one kind, in one round."""

    program: str
    kind: str
    photographs: int
    cpu_ms: float
    """CPU milliseconds a photograph, of the program and all that it has started."""
    seconds: float
    """From the first announcement to the last tag event."""
    start_seconds: float
    """From its start to its first tags."""
    start_cpu_seconds: float
    memory_mib: float
    servers_ms: Mapping[str, float]
    """CPU milliseconds a photograph of broker, store and storage."""
    processes_ms: tuple[float, ...] = ()
    """CPU milliseconds a photograph of each process of the program that lives on, the first one first."""
    resident_mib: tuple[float, ...] = ()
    """Memory of each process by itself, the first one first."""
    stages_ms: Mapping[str, float] = field(default_factory=dict)
    """Where the program says so: milliseconds that a photograph spends in each stage, waits included."""

    @property
    def rate(self) -> float:
        """Photographs a second by the clock."""
        return self.photographs / self.seconds


class Incomplete(Exception):
    """A program that did not do what it was given."""


async def measure(
    program: Program, stack: Stack, kinds: Sequence[tuple[Kind, int]], folder: Path, *, metrics_port: int = 0
) -> list[Sample]:
    """A sample of each kind, by one life of the program. Raises `Incomplete`, and what it says itself."""
    site = await Site.anew(stack)
    try:
        began = time.monotonic()
        with started(program, site, folder) as running:
            run = (_Queries if program.is_batch else _Run)(site, running, metrics_port)
            return await run.all(kinds, began)
    finally:
        site.forget()


@dataclass
class _Run:
    site: Site
    running: Started
    metrics_port: int
    given: list[Upload] = field(default_factory=list)

    async def all(self, kinds: Sequence[tuple[Kind, int]], began: float) -> list[Sample]:
        first = await self._warm(kinds[0][0], began)
        for kind, _ in kinds[1:]:
            await self._do(uploads(kind, WARM, name="warm"))
        samples = [await self._sample(kind, count, *first) for kind, count in kinds]
        await self._check()
        return samples

    async def _warm(self, kind: Kind, began: float) -> tuple[float, float]:
        """Seconds and CPU seconds until its first tags."""
        warming = uploads(kind, WARM, name="warm")
        await self._tag(warming[:1])
        start = time.monotonic() - began, process_tree.cpu_seconds(self.running.pid)
        await self._do(warming[1:])
        return start

    async def _sample(self, kind: Kind, count: int, start: float, start_cpu: float) -> Sample:
        given = uploads(kind, count, name="photo")
        pid, before = self.running.pid, self._spent()
        earlier = stages(self.metrics_port)
        seconds = await self._do(given)
        await asyncio.sleep(SETTLE)
        after = self._spent()
        return Sample(
            program=self.running.program.name,
            kind=kind.name,
            photographs=count,
            cpu_ms=(after.tree - before.tree) / count * 1e3,
            seconds=seconds,
            start_seconds=start,
            start_cpu_seconds=start_cpu,
            memory_mib=process_tree.resident_bytes(pid) / 2**20,
            servers_ms={
                name: (spent - before.servers[name]) / count * 1e3 for name, spent in after.servers.items()
            },
            processes_ms=tuple(
                (spent - before.processes.get(each, 0)) / count * 1e3
                for each, spent in after.processes.items()
            ),
            resident_mib=tuple(each / 2**20 for each in process_tree.resident_each(pid)),
            stages_ms={
                name: (now - earlier.get(name, 0)) / count * 1e3
                for name, now in stages(self.metrics_port).items()
            },
        )

    async def _do(self, given: Sequence[Upload]) -> float:
        """Seconds until it has said that all of them are tagged; returns when their rows are there too."""
        seconds = await self._tag(given)
        await self._store()
        return seconds

    async def _tag(self, given: Sequence[Upload]) -> float:
        self.given += given
        began = time.monotonic()
        await self.site.publish(given)
        async with self.site.tagged() as topic:
            while sum((await topic.ends()).values()) < len(self.given):
                self.running.check()
                if time.monotonic() - began > LIMIT_SECONDS:
                    raise Incomplete(
                        f"not done in {LIMIT_SECONDS:.0f} s; its log ends:\n{self._last_words()}"
                    )
                await asyncio.sleep(POLL)
        return time.monotonic() - began

    async def _store(self) -> None:
        """Wait for the rows of all that was given; raises `Incomplete` where one does not come."""
        until = time.monotonic() + ROW_SECONDS
        while (kept := await asyncio.to_thread(self.site.kept)) != len(self.given):
            self.running.check()
            if time.monotonic() > until:
                raise Incomplete(f"the store has scores of {kept} photographs, not of {len(self.given)}")
            await asyncio.sleep(ROW_POLL)

    async def _check(self) -> None:
        """Every photograph has its tag event, and its scores in the store."""
        wanted = {each.image_id for each in self.given}
        if lacking := wanted - await self.site.tagged_images():
            raise Incomplete(f"{len(lacking)} of {len(wanted)} photographs have no tag event")
        await self._store()

    def _last_words(self) -> str:
        return self.running.log.read_text(errors="replace")[-1000:]

    def _spent(self) -> _Spent:
        pids = process_tree.tree(self.running.pid)
        return _Spent(
            process_tree.cpu_seconds(self.running.pid),
            {pid: cpu_seconds(pid) for pid in pids},
            self.site.server_cpu(),
        )


class _Queries(_Run):
    """Of a program that is handed its photographs in a file, reads no topic and tells nobody of tags."""

    async def _tag(self, given: Sequence[Upload]) -> float:
        self.given += given
        file = self.running.folder / f"query-{len(self.given)}.json"
        file.write_text(json.dumps([each.place for each in given]))
        began = time.monotonic()
        await asyncio.wait_for(asyncio.to_thread(self._ask, file), LIMIT_SECONDS)
        return time.monotonic() - began

    def _ask(self, file: Path) -> None:
        asking, answers = self.running.process.stdin, self.running.process.stdout
        if asking is None or answers is None:
            raise RuntimeError(f"{self.running.program.name} is to be started with pipes")
        asking.write(f"{file}\n".encode())
        asking.flush()
        if not answers.readline():
            raise Incomplete(f"it ended; its log ends:\n{self._last_words()}")

    async def _check(self) -> None:
        """Every photograph has its row."""
        await self._store()


@dataclass(frozen=True, slots=True)
class _Spent:
    """CPU seconds so far."""

    tree: float
    processes: Mapping[int, float]
    servers: Mapping[str, float]


def stages(port: int) -> dict[str, float]:
    """Seconds that all photographs so far have spent in each stage, as a worker's metrics say."""
    if not port:
        return {}
    sums = _metrics(port, "tagstream_stage_seconds_sum")
    return {sample.labels["stage"]: sample.value for sample in sums}


def resident_version(port: int) -> str:
    """The version that a worker scores by, as its metrics say."""
    return str(_metrics(port, "tagstream_model_info")[0].labels["version"])


def _metrics(port: int, name: str) -> list[Any]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    families = text_string_to_metric_families(text)
    return [sample for family in families for sample in family.samples if sample.name == name]
