"""Load of the HTTP API: throughput, latency and CPU of predictions beside LitServe's, in one run.

Clients ask in a closed loop: each sends the next photograph when the last is answered. Both servers get the
same photographs, one after the other, at each number of clients; LitServe runs the packaged network by torch,
as whoever builds it himself would. Then more clients than can be served in time ask our own: what would not
be answered within the deadline has to be refused, and memory has to stay where it was.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import aiohttp
import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.suite import photographs
from benchmarks.suite.environment import python_with
from benchmarks.suite.photographs import Kind
from benchmarks.suite.process_tree import cpu_seconds, resident_bytes
from benchmarks.suite.programs import ROOT, stop
from operations import api_keys
from schemas.api_keys import Scope
from streams.adapters.sqlite.store import SqliteScores
from tagstream.embedded_stack import free_port

CLIENTS: Final = (1, 8, 32)
OVERLOAD: Final = 256
START_SECONDS: Final = 120.0
WARM_SECONDS: Final = 2.0

ABOUT: Final = (
    "`make bench-api`: predictions over HTTP, closed loop, {seconds:g} s a row, generator beside them"
)
EXAMPLES: Final = """\
  make bench-api                                  some four minutes
  make bench-api OPTIONS="--seconds 20 --kind full-size"
"""


@dataclass(frozen=True, slots=True)
class Target:
    """A server that answers predictions."""

    name: str
    url: str
    part: str
    """The form's part that the photograph goes in."""
    headers: Mapping[str, str]
    pid: int


@dataclass(frozen=True, slots=True)
class LoadRow:
    """One server under one load."""

    server: str
    clients: int
    answered: int
    refused: int
    """503, by a server that says that it cannot."""
    a_second: float
    """Answers with scores."""
    p50: float
    """Milliseconds, of those."""
    p99: float
    slowest_refusal: float
    """Milliseconds."""
    cpu: float
    """Milliseconds of the server's processes for an answer with scores."""
    memory: float
    """MiB after the load."""


async def load(target: Target, kind: Kind, *, clients: int, seconds: float) -> LoadRow:
    """Ask in so many closed loops."""
    files = itertools.cycle(kind.files)
    took: list[float] = []
    refusals: list[float] = []
    statuses: Counter[int] = Counter()
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, headers=dict(target.headers)) as http:

        async def client(until: float, *, counts: bool) -> None:
            while (began := time.perf_counter()) < until:
                form = aiohttp.FormData()
                form.add_field(target.part, next(files), filename="photograph.jpg")
                async with http.post(target.url, data=form) as said:
                    await said.read()
                if counts:
                    statuses[said.status] += 1
                    (took if said.status == 200 else refusals).append(time.perf_counter() - began)  # noqa: PLR2004
                if said.status != 200:  # noqa: PLR2004
                    await asyncio.sleep(float(said.headers.get("Retry-After", 1)))

        async def together(length: float, *, counts: bool) -> None:
            until = time.perf_counter() + length
            await asyncio.gather(*(client(until, counts=counts) for _ in range(clients)))

        await together(WARM_SECONDS, counts=False)
        spent, began = cpu_seconds(target.pid), time.perf_counter()
        await together(seconds, counts=True)
        spent, length = cpu_seconds(target.pid) - spent, time.perf_counter() - began
    foreign = {status: count for status, count in statuses.items() if status not in {200, 503}}
    if foreign or not took:
        raise RuntimeError(f"{target.name} answered {dict(statuses)}")
    return LoadRow(
        target.name,
        clients,
        answered=len(took),
        refused=statuses[503],
        a_second=len(took) / length,
        p50=1000 * float(np.percentile(took, 50)),
        p99=1000 * float(np.percentile(took, 99)),
        slowest_refusal=1000 * max(refusals, default=0.0),
        cpu=1000 * spent / len(took),
        memory=resident_bytes(target.pid) / 2**20,
    )


@contextmanager
def running(command: Sequence[str], folder: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """The server within the block; what hangs under it ends with it."""
    with (folder / f"{Path(command[-1]).name}.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - one of the servers below
            command, cwd=ROOT, env=os.environ | environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield process
    finally:
        stop(process)


async def ready(url: str, process: subprocess.Popen[bytes]) -> None:
    """Return when it answers there. Raises `RuntimeError` where it ends before."""
    async with asyncio.timeout(START_SECONDS), aiohttp.ClientSession() as http:
        while process.poll() is None:
            try:
                async with http.get(url) as said:
                    if said.ok:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.2)
    raise RuntimeError(f"the server ended with {process.returncode}")


async def key_in(store: Path, *scopes: Scope) -> str:
    """A new key's token."""
    async with SqliteScores(store) as scores:
        made = await api_keys.create(scores, "bench", scopes, None, by="bench", now=datetime.now(UTC))
    return made.token.text


@asynccontextmanager
async def serving(folder: Path, *scopes: Scope, **settings: str) -> AsyncIterator[tuple[str, Target]]:
    """`tagstream serve`, every setting at its default but the rate of a key and `settings`: its address.

    The target's key has those scopes.
    """
    port, store = free_port(), folder / "store.sqlite"
    headers = {"Authorization": f"Bearer {await key_in(store, *scopes)}"}
    ours = {
        "TAGSTREAM_STORE__PATH": str(store),
        "TAGSTREAM_API__PORT": str(port),
        "TAGSTREAM_API__KEY_RATE": "1000000",
        "TAGSTREAM_MODEL__DEVICE": "cpu",
        "TAGSTREAM_LOG__LEVEL": "warning",
    }
    base = f"http://127.0.0.1:{port}"
    with running([sys.executable, "-m", "tagstream", "serve"], folder, **ours, **settings) as process:
        await ready(f"{base}/v2/health/ready", process)
        yield base, Target("tagstream serve", f"{base}/v1/predictions", "image", headers, process.pid)


async def measured_ours(folder: Path, kind: Kind, seconds: float) -> list[LoadRow]:
    """Ours, at every number of clients and overloaded."""
    nobody = {"AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none"}
    async with serving(folder, Scope.PREDICT, **nobody) as (_, target):
        return [
            await load(target, kind, clients=clients, seconds=seconds) for clients in (*CLIENTS, OVERLOAD)
        ]


async def measured_theirs(folder: Path, kind: Kind, seconds: float) -> list[LoadRow]:
    """LitServe, as `benchmarks.alternatives.litserve_server` has it."""
    port, python = free_port(), python_with("litserve", "python-multipart")
    command = [str(python), "-m", "benchmarks.alternatives.litserve_server", str(port)]
    quiet = {"PYTHONPATH": str(ROOT), "OMP_WAIT_POLICY": "passive", "DO_NOT_TRACK": "true"}
    base = f"http://127.0.0.1:{port}"
    with running(command, folder, **quiet) as process:
        await ready(f"{base}/health", process)
        target = Target("LitServe", f"{base}/predict", "content", {}, process.pid)
        return [await load(target, kind, clients=clients, seconds=seconds) for clients in CLIENTS]


def table(rows: Sequence[LoadRow]) -> Table:
    """For people."""
    made = Table(
        "server", *("clients", "answers/s", "p50 ms", "p99 ms", "CPU ms", "503", "slowest 503 ms", "MiB")
    )
    for row in rows:
        figures = (row.a_second, row.p50, row.p99, row.cpu)
        refused = (f"{row.refused:,}", f"{row.slowest_refusal:,.0f}" if row.refused else "")
        made.add_row(
            row.server,
            str(row.clients),
            *(f"{each:,.1f}" for each in figures),
            *refused,
            f"{row.memory:,.0f}",
        )
    return made


def verdict(rows: Sequence[LoadRow]) -> str:
    """What ours does for what theirs does, at each number of clients."""
    by = {(row.server, row.clients): row for row in rows}
    ours, theirs = rows[0].server, "LitServe"
    told = (
        f"{clients} clients {by[ours, clients].a_second / by[theirs, clients].a_second:.1f} x"
        f" (CPU {by[theirs, clients].cpu / by[ours, clients].cpu:.1f} x less)"
        for clients in CLIENTS
        if (theirs, clients) in by
    )
    return f"throughput of {ours} by that of {theirs}: {', '.join(told)}"


def arguments(about: str, examples: str, *, seconds: float) -> tuple[argparse.Namespace, Kind]:
    """What is asked for, and the photographs to send; `seconds` is the default of each load."""
    parser = argparse.ArgumentParser(
        description=about, epilog=examples, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=seconds, help="of each load")
    parser.add_argument("--kind", choices=("renditions", "full-size"), default="renditions")
    parser.add_argument("--json", action="store_true", help="the rows, as JSON")
    asked = parser.parse_args()
    (kind,) = (each for each in photographs.kinds(None, None) if each.name == asked.kind)
    return asked, kind


async def main() -> None:
    """Measure, and say it."""
    console = Console(stderr=True)
    asked, kind = arguments(str(__doc__), EXAMPLES, seconds=15.0)
    console.print(ABOUT.format(seconds=asked.seconds))
    console.print(kind.about)
    with tempfile.TemporaryDirectory() as folder:
        rows = await measured_ours(Path(folder), kind, asked.seconds)
        rows += await measured_theirs(Path(folder), kind, asked.seconds)
    if asked.json:
        print(json.dumps([asdict(row) for row in rows]))
        return
    console.print(table(rows))
    console.print(verdict(rows))


if __name__ == "__main__":
    asyncio.run(main())
