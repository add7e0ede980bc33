"""`python -m benchmarks.store [--json] [--sizes 1000,10000]`: whether the stack's document store stays quick.

Starts the stack's server of MongoDB's protocol over a file in a temporary folder, fills it, and asks every
query of the adapter through the adapter, from several callers at once, at each size. What travels is the
ratio of the largest size to the smallest; milliseconds belong to the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import quantiles
from typing import Final

from pydantic import SecretStr
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks import documents
from benchmarks.processor import cpu_seconds
from benchmarks.queries import Query, queries
from deploy.stack.documents import documents as document_service
from deploy.stack.layout import HOST, Layout, Ports, default_cache
from deploy.stack.service import Service
from streams.adapters.mongo.settings import MongoSettings
from streams.adapters.mongo.store import MongoScores

SIZES: Final = (1_000, 10_000, 100_000)
CALLERS: Final = 4
CALLS: Final = 400
MOST_SECONDS: Final = 8.0
"""A query at a size, after which no further call is begun: a slow one is known by then."""
DATABASE: Final = "benchmark"


@dataclass(frozen=True, slots=True)
class Latency:
    """What one query took at one size."""

    query: str
    size: int
    calls: int
    p50_ms: float
    p95_ms: float
    server_cpu_ms: float
    """CPU time of the server's process, a call."""


@dataclass(frozen=True, slots=True)
class Filled:
    """What the server took to hold that many images."""

    size: int
    seconds: float
    megabytes: float


@dataclass(frozen=True, slots=True)
class Measured:
    """All figures of a run."""

    latencies: tuple[Latency, ...]
    filled: tuple[Filled, ...]


def main() -> None:
    """Measure, and print a table or one JSON document."""
    asked = _arguments()
    sizes = tuple(sorted(int(each) for each in asked.sizes.split(",")))
    measured = asyncio.run(_measure(sizes))
    if asked.json:
        print(json.dumps(asdict(measured), indent=2))
    else:
        _print(measured, sizes)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m benchmarks.store", description=__doc__)
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)), help="images, with commas between")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    return parser.parse_args()


async def _measure(sizes: Sequence[int]) -> Measured:
    latencies: list[Latency] = []
    filled: list[Filled] = []
    with tempfile.TemporaryDirectory() as folder, Ports.reserved() as ports:
        service = document_service(Layout(Path(folder), ports, default_cache()))
        service.start()
        url = f"mongodb://{HOST}:{ports.mongo}"
        settings = MongoSettings(url=SecretStr(url), database=DATABASE, timeout=300)
        try:
            with Progress(console=Console(stderr=True)) as progress:
                async with MongoScores(settings) as scores:
                    await scores.apply_indexes()
                    for before, size in zip((0, *sizes), sizes, strict=False):
                        filled.append(await _filled(service, url, before, size, progress))
                        latencies += await _asked(scores, service, size, progress)
        finally:
            service.stop()
    return Measured(tuple(latencies), tuple(filled))


async def _filled(service: Service, url: str, before: int, size: int, progress: Progress) -> Filled:
    task = progress.add_task(f"Filling up to {size:,}", total=None)
    began = time.monotonic()
    await documents.fill(url, DATABASE, first=before, past=size)
    progress.remove_task(task)
    return Filled(size, time.monotonic() - began, _megabytes(service.folder))


async def _asked(scores: MongoScores, service: Service, size: int, progress: Progress) -> list[Latency]:
    all_queries = queries(scores, size)
    task = progress.add_task(f"Asking {size:,}", total=len(all_queries))
    found = []
    for name, query in all_queries.items():
        found.append(await _latency(name, query, service, size))
        progress.advance(task)
    return found


async def _latency(name: str, query: Query, service: Service, size: int) -> Latency:
    await query()  # the first one opens connections, and warms the server's compiler a little
    took: list[float] = []
    began, cpu = time.monotonic(), _cpu(service)

    async def caller() -> None:
        while len(took) < CALLS and time.monotonic() - began < MOST_SECONDS:
            started = time.monotonic()
            await query()
            took.append((time.monotonic() - started) * 1000)

    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    spent = (_cpu(service) - cpu) * 1000 / len(took)
    cuts = quantiles(took, n=20, method="inclusive")
    return Latency(name, size, len(took), cuts[9], cuts[18], spent)


def _cpu(service: Service) -> float:
    pid = service.pid()
    if pid is None:
        raise RuntimeError("the document store has ended")
    return cpu_seconds(pid)


def _megabytes(folder: Path) -> float:
    return sum(each.stat().st_size for each in folder.rglob("*") if each.is_file()) / 1e6


def _print(measured: Measured, sizes: Sequence[int]) -> None:
    table = Table("Query", *(f"{size:,}: p50, p95 ms" for size in sizes), "p95 ratio", "CPU ms", box=None)
    for name in dict.fromkeys(each.query for each in measured.latencies):
        rows = [each for each in measured.latencies if each.query == name]
        cells = [f"{each.p50_ms:,.1f}  {each.p95_ms:,.1f}" for each in rows]
        ratio = rows[-1].p95_ms / rows[0].p95_ms
        table.add_row(name, *cells, f"{ratio:.1f}", f"{rows[-1].server_cpu_ms:.1f}")
    console = Console(width=None if sys.stdout.isatty() else 140)
    console.print(table)
    for each in measured.filled:
        console.print(f"{each.size:,} images: filled in {each.seconds:.0f} s, {each.megabytes:,.0f} MB")


if __name__ == "__main__":
    main()
