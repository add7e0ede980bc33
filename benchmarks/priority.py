"""Priority: what a replay costs live uploads, over the stack, in one run.

One worker; photographs are tagged and kept. Then others come at a steady rate: alone; beside a shadow of
another version, which has a batcher of its own; and, once that version is the champion, beside replays to
it, which share the batcher of the uploads: one at a rate, one as fast as it may. The figure is the 95th
percentile from upload to tag, by that without; before the next load the job is cancelled, and the lane runs
empty.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from typing import Final

from rich.console import Console

from agents.wiring.backends import kafka_connection
from agents.wiring.settings import Settings
from benchmarks import fleet, swaps
from benchmarks.fleet import Running
from benchmarks.latency import FAST, Row, row, run
from benchmarks.suite import parts
from benchmarks.suite.parts import Part
from model.registry.cache import Resolved
from operations import rescore_desk, rescore_jobs
from schemas import topics
from schemas.errors import ConfigurationError
from schemas.rescore_jobs import RescoreJob, RescoreState
from streams.adapters.kafka.lag import LaneProgress

AIM: Final = 1.3
"""Times the 95th percentile of uploads without a replay."""

UNDER_WAY_SECONDS: Final = 60.0
"""That a replay has to count its images, and a worker to load its version."""

LOADED_SECONDS: Final = 6.0
"""That a worker has to load the version, once the job runs."""

EMPTY_SECONDS: Final = 120.0
"""That the lane has to run empty."""

LATE_SECONDS: Final = 3.0
"""Of a load, until the last upload of it is tagged and found."""

ABOUT: Final = (
    "`make bench-priority`: one `tagstream worker`, {rate:g} photographs a second for {seconds:g} s, alone"
    " and beside replays of {kept:,} photographs, one of them at {limit:g} a second and the others as fast as"
    " they may; seconds from upload to tag"
)
EXAMPLES: Final = """\
  make bench-priority                                    some seven minutes
  make bench-priority OPTIONS="--rate 10 --kept 3000"
  make bench-priority OPTIONS="--limit 20"
"""


def replaying(environment: Mapping[str, str], *options: str) -> subprocess.Popen[bytes]:
    """A replay to the second version, in the background."""
    command = [sys.executable, "-m", "tagstream", "replay", "start", "--from", "store", "--model", "shifted"]
    return subprocess.Popen(  # noqa: S603 - this interpreter, and a module of ours
        [*command, *options],
        env=os.environ | dict(environment),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


async def beside(
    config: Settings, environment: Mapping[str, str], name: str, *options: str, rate: float, seconds: float
) -> tuple[Row, str]:
    """The load with a replay, and what the replay did meanwhile; it is over then, and its lane empty."""
    began, replay = datetime.now(UTC), replaying(environment, *options)
    try:
        job = await under_way(config, began)
        async with rescore_lane(config) as lane:
            before = sum((await lane.committed()).values())
            found = row(name, await run(config, rate=rate, seconds=seconds))
            scored = sum((await lane.committed()).values()) - before
        is_over = (await newest(config)).state is RescoreState.FINISHED
    finally:
        replay.terminate()
        await asyncio.to_thread(replay.wait)
    if is_over:
        return found, f"{name}: it was over before the uploads were: more --kept"
    await no_more_replay(config, job)
    return found, f"{name}: some {scored / (seconds + LATE_SECONDS):.0f} images a second were replayed"


async def under_way(config: Settings, began: datetime) -> RescoreJob:
    """The job, once somebody runs it, and the worker has had time to load its version."""
    async with asyncio.timeout(UNDER_WAY_SECONDS):
        while True:
            with suppress(ConfigurationError):
                job = await newest(config)
                if job.created_at >= began and job.lease is not None:
                    await asyncio.sleep(LOADED_SECONDS)
                    return job
            await asyncio.sleep(1)


def rescore_lane(config: Settings) -> LaneProgress:
    """How far the workers are with the replay's requests, once it is opened."""
    return LaneProgress(kafka_connection(config), topics.RESCORE, config.kafka.group)


async def newest(config: Settings) -> RescoreJob:
    """The job that was started last."""
    return (await rescore_desk.standing(config, None)).job


async def no_more_replay(config: Settings, job: RescoreJob) -> None:
    """End the job, and wait until the workers have passed over what it left in the lane."""
    await rescore_desk.steered(config, partial(rescore_jobs.cancel, job_id=job.id))
    async with asyncio.timeout(EMPTY_SECONDS), rescore_lane(config) as lane:
        while await lane.left():  # noqa: ASYNC110 - the broker tells nobody
            await asyncio.sleep(1)


async def measure(
    config: Settings,
    environment: Mapping[str, str],
    worker: Running,
    both: Sequence[Resolved],
    asked: argparse.Namespace,
) -> tuple[list[Row], list[str]]:
    """The rows, and what is to be noted."""
    rate, seconds, kept = asked.rate, asked.seconds, asked.kept
    await run(config, rate=20, seconds=5)  # warm
    await run(config, rate=FAST, seconds=kept / FAST, keep=True)
    tell, rows, said = Console(stderr=True), list[Row](), list[str]()

    async def alone(name: str) -> None:
        rows.append(row(name, await run(config, rate=rate, seconds=seconds)))
        tell.print(rows[-1])

    async def with_replay(name: str, *options: str) -> None:
        found, did = await beside(config, environment, name, *options, rate=rate, seconds=seconds)
        rows.append(found)
        said.append(did)
        tell.print(found, did)

    await alone("alone")
    await with_replay("beside a shadow", "--shadow")
    await swaps.swapped(config, worker, both[1])
    await alone("alone, swapped")
    await with_replay(f"beside a replay at {asked.limit:g} a second", "--rate", str(asked.limit))
    await with_replay("beside a replay")
    return rows, said + notes(rows)


def notes(rows: Sequence[Row]) -> list[str]:
    """How many times as long uploads wait."""
    said = []
    alone, shadow, swapped, *replays = rows
    for without, with_it in ((alone, shadow), *((swapped, each) for each in replays)):
        if without.p95 and with_it.p95:
            times = with_it.p95 / without.p95
            verdict = "within" if times <= AIM else "beyond"
            said.append(
                f"{with_it.load}: p95 {times:.2f} x without, {verdict} the {AIM:g} x that are aimed at"
            )
    return said


def main() -> int:
    """Measure, and print a table or one JSON document."""
    asked = _arguments()
    return parts.run(lambda: _measured(asked), asked, "priority")


def _measured(asked: argparse.Namespace) -> Part:
    with swaps.following(asked.device) as (environment, both, worker):
        config = fleet.settings(environment)
        rows, said = asyncio.run(measure(config, environment, worker, both, asked))
    about = ABOUT.format(rate=asked.rate, seconds=asked.seconds, kept=asked.kept, limit=asked.limit)
    return Part.here(about, [asdict(each) for each in rows], said)


def _arguments() -> argparse.Namespace:
    parser = parts.parser("benchmarks.priority", __doc__ or "", EXAMPLES)
    parser.add_argument("--rate", type=float, default=15, help="photographs a second (15)")
    parser.add_argument("--seconds", type=float, default=40, help="of each load (40)")
    parser.add_argument("--kept", type=int, default=4000, help="photographs for the replays (4000)")
    parser.add_argument("--limit", type=float, default=10, help="images a second of one replay (10)")
    parser.add_argument("--device", default="cpu", help="of the worker's model (cpu)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
