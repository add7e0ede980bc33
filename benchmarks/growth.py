"""Growth: whether an image costs more where there is more of everything.

Over the stack, with workers whose forward sleeps as one on a GPU does: backlogs of uploads, images in the
store (SQLite, and the stack's server of MongoDB's protocol), and numbers of workers. Of each process the CPU
time of an image and the resident memory; a verdict for each figure that grows. Milliseconds belong to the
machine, ratios travel.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from rich.console import Console

from agents.wiring.backends import kafka_connection
from benchmarks import backlogs, fleet
from benchmarks.fleet import Fleet
from benchmarks.growth_cases import FULL, SHORT, Case, again, cases
from benchmarks.growth_verdicts import Row, verdicts
from benchmarks.processor import cpu_seconds
from benchmarks.suite import parts, servers
from benchmarks.suite.parts import Part
from deploy.stack.stack import Stack
from schemas import topics
from streams.adapters.kafka.lag import LaneProgress

WARM: Final = 250
"""Images before any is counted."""
MOST: Final = 2000
"""Images that are counted; a backlog of fewer is published, and worked off, several times."""
IDLE: Final = 0.05
"""CPU seconds in a second of a server that does nothing."""
IDLE_SECONDS: Final = 60.0
STALLED: Final = 120.0
POLL: Final = 0.2
"""Seconds between two looks at what is left; the broker's answers are counted with its work."""
STAGES: Final = ("fetch", "store", "announce", "mark")
"""Of a worker: those that wait for what grows."""

ABOUT: Final = (
    "`make bench-growth`: uploads that wait, images in the store and workers, one of them varied at a time;"
    " a forward sleeps 5 ms a batch and 0.5 ms an image. Milliseconds of `worker`, `kafka`, `s3` and `store`"
    " are CPU time an image, those of stages are waits and belong to the clock; `worker_mb` is the resident"
    " memory of the largest worker in the end, `grown_mb` what it gained while images were counted"
)
EXAMPLES: Final = """\
  make bench-growth                                      seven minutes: up to 100,000 of each
  make bench-growth OPTIONS="--full"                     ten: up to a million uploads, and images in SQLite
  make bench-growth OPTIONS="--backlog 1000,50000 --documents 1000 --mongo 1000 --workers 1"
"""


class Bench:
    """Measures case after case over one stack; the uploads topic is worked on from where it was left."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self._stack = stack
        self._folder = folder
        self._config = fleet.settings(stack.settings)
        self._published = 10_000_000
        """Images are numbered beyond all that a store is filled with."""
        self._left = 0
        self._number = 0

    async def prepare(self) -> None:
        """Objects to read."""
        await backlogs.put_objects(self._config)
        await asyncio.sleep(1)
        async with self._lane() as lane:  # storage has announced them, and a worker is to pass over them
            self._left = await lane.left()

    async def measure(self, case: Case) -> Row:
        """Fill, publish, work, count."""
        self._number += 1
        name = f"growth{self._number}"
        path = self._folder / f"{name}.sqlite" if case.store == "sqlite" else None
        around = {**self._stack.settings, "TAGSTREAM_LOG__LEVEL": "warning"}
        around |= {"TAGSTREAM_STORE__PATH": str(path)} if path else {"TAGSTREAM_STORE__DATABASE": name}
        if path:
            del around["TAGSTREAM_STORE__URL"], around["TAGSTREAM_STORE__DATABASE"]
        else:
            await servers.apply_store(around)
        await backlogs.fill(self._config, path, name, case.documents)
        await self._until_idle()
        await self._publish(max(0, case.backlog - self._left))
        with fleet.fleet(around, fleet.SLEEPING, case.workers) as workers:
            row = await self._counted(case, workers)
        async with self._lane() as lane:
            self._left = await lane.left()
        if path:
            for each in self._folder.glob(f"{name}.sqlite*"):
                each.unlink()
        return row

    async def _publish(self, wanted: int) -> None:
        await asyncio.to_thread(backlogs.publish, self._config, self._published, self._published + wanted)
        self._published += wanted

    async def _until_idle(self) -> None:
        """Until the store's server has put away what it was filled with, or for long enough."""
        server = next(service.pid() for service in self._stack.services if service.name == "mongo")
        until = time.monotonic() + IDLE_SECONDS
        while server and time.monotonic() < until:
            before = cpu_seconds(server)
            await asyncio.sleep(1)
            if cpu_seconds(server) - before < IDLE:
                return

    async def _counted(self, case: Case, workers: Fleet) -> Row:
        is_small = case.backlog < MOST
        async with self._lane() as lane:
            there = await lane.left()
            begun = await self._until(lane, most=0 if is_small else there - WARM)
            before, memory, at = self._cpu(workers), workers.memory, time.monotonic()
            earlier = workers.stages
            images = await (self._again_and_again(case.backlog) if is_small else self._part(lane, begun))
            seconds = time.monotonic() - at
            after, later = self._cpu(workers), workers.stages
        spent = {name: (after[name] - before[name]) * 1000 / images for name in after}
        return Row(
            varied=case.varied,
            store=case.store,
            size=case.size,
            images=images,
            per_second=round(images / seconds, 1),
            worker_ms=round(spent["workers"], 2),
            kafka_ms=round(spent["kafka"], 2),
            s3_ms=round(spent["s3"], 2),
            store_ms=round(spent["mongo"], 2) if case.store == "mongo" else None,
            worker_mb=round(workers.memory, 1),
            grown_mb=round(workers.memory - memory, 1),
            stages_ms={name: round((later[name] - earlier[name]) * 1000 / images, 2) for name in STAGES},
        )

    async def _part(self, lane: LaneProgress, begun: int) -> int:
        """Of a backlog that goes on behind it: what is in flight in the end was in the beginning too."""
        return begun - await self._until(lane, most=begun - MOST)

    async def _again_and_again(self, backlog: int) -> int:
        """Of a small one, anew as often as there is something to count."""
        for _ in range(MOST // backlog):
            await self._publish(backlog)
            async with self._lane() as lane:  # which looks for ends as it is opened
                await self._until(lane, most=0)
        return MOST // backlog * backlog

    async def _until(self, lane: LaneProgress, *, most: int) -> int:
        """Once no more than that are left, how many are."""
        until = time.monotonic() + STALLED
        while (left := await lane.left()) > most:
            if time.monotonic() > until:
                raise RuntimeError(f"{left:,} uploads are left after {STALLED:g} s, and {most:,} are wanted")
            await asyncio.sleep(POLL)
        return left

    def _lane(self) -> LaneProgress:
        return LaneProgress(kafka_connection(self._config), topics.UPLOADED, self._config.kafka.group)

    def _cpu(self, workers: Fleet) -> Mapping[str, float]:
        pids = {service.name: service.pid() for service in self._stack.services}
        return {name: cpu_seconds(pid) for name, pid in pids.items() if pid} | {"workers": workers.cpu}


async def measure(stack: Stack, wanted: Sequence[Case], tell: Console) -> list[Row]:
    """A row a case, each told as it is known."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(stack, Path(folder))
        await bench.prepare()
        for case in wanted:
            rows.append(await bench.measure(case))
            tell.print(json.dumps(asdict(rows[-1])), soft_wrap=True)
        for case in again(wanted, rows):
            rows.append(await bench.measure(case))
            tell.print(json.dumps(asdict(rows[-1])), soft_wrap=True)
    return rows


def main() -> int:
    """Measure, and print a table and verdicts, or one JSON document."""
    asked = _arguments()
    return parts.run(lambda: _measured(asked), asked, "growth")


def _measured(asked: argparse.Namespace) -> Part:
    default = FULL if asked.full else SHORT
    wanted = {name: _sizes(getattr(asked, name)) or sizes for name, sizes in default.items()}
    with servers.running() as stack:
        rows = asyncio.run(measure(stack, tuple(cases(**wanted)), Console(stderr=True)))
    return part(rows)


def part(rows: Sequence[Row]) -> Part:
    """For the terminal and the page."""
    return Part.here(ABOUT, [asdict(each) for each in rows], verdicts(rows))


def _sizes(given: str) -> tuple[int, ...]:
    return tuple(sorted(int(each) for each in given.split(",") if each))


def _arguments() -> argparse.Namespace:
    parser = parts.parser("benchmarks.growth", __doc__ or "", EXAMPLES)
    parser.add_argument("--full", action="store_true", help="up to a million uploads, and images in SQLite")
    for name, what in (
        ("backlog", "uploads that wait"),
        ("documents", "images in SQLite"),
        ("mongo", "images in the stack's server"),
        ("workers", "numbers of workers"),
    ):
        sizes = ",".join(map(str, SHORT[name]))
        parser.add_argument(f"--{name}", default="", metavar="N,N", help=f"{what} ({sizes})")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
