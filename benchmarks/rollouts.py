"""Rollouts: what a shadow and a canary on live uploads cost the uploads, over the stack, in one run.

One worker; photographs come at a steady rate: alone, then with a shadow of another version on all of them,
then with a canary on a share. Guards are so wide that none trips. Printed: the 95th percentile from upload
to tag, by that alone, and how many photographs were compared or passed over.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

from agents.rollout_follower import LOOK_SECONDS, REPORT_SECONDS
from agents.wiring.settings import Settings
from benchmarks import fleet, swaps
from benchmarks.latency import Row, row, run
from benchmarks.suite import parts
from benchmarks.suite.parts import Part
from model.registry.refs import VersionRef
from operations import rollouts
from operations.rollouts import RolloutRequest
from schemas.rollouts import ModelRollout, RolloutGuards, RolloutMode

WIDE: Final = RolloutGuards(errors=1, slower=1000, flips=1, disagreement=1)

ABOUT: Final = (
    "`make bench-rollouts`: one `tagstream worker`, {rate:g} photographs a second for {seconds:g} s, alone,"
    " with a shadow on all of them, and with a canary on {percent:g} %; seconds from upload to tag"
)
EXAMPLES: Final = """\
  make bench-rollouts                                    some four minutes
  make bench-rollouts OPTIONS="--rate 10 --percent 25"
"""


async def rolled_out(
    config: Settings, mode: RolloutMode, percent: float, asked: argparse.Namespace
) -> tuple[Row, ModelRollout]:
    """The load while the other version is rolled out, and what was counted."""
    request = RolloutRequest(VersionRef("restaurant", "shifted"), mode, percent, WIDE)
    started = (await rollouts.start(config, request)).rollout
    await asyncio.sleep(2 * LOOK_SECONDS)  # the worker joins, and loads the version
    load = await run(config, rate=asked.rate, seconds=asked.seconds)
    await asyncio.sleep(2 * REPORT_SECONDS)
    ended = await rollouts.end(config, started.id, reason="measured")
    await asyncio.sleep(2 * REPORT_SECONDS)
    return row(f"{mode} on {percent:g} %", load), ended


async def measure(config: Settings, asked: argparse.Namespace) -> tuple[list[Row], list[str]]:
    """The rows, and what is to be noted."""
    rate, seconds = asked.rate, asked.seconds
    await run(config, rate=20, seconds=5)  # warm
    rows, said = [row("alone", await run(config, rate=rate, seconds=seconds))], []
    for mode, percent in ((RolloutMode.SHADOW, 100.0), (RolloutMode.CANARY, asked.percent)):
        found, ended = await rolled_out(config, mode, percent, asked)
        rows.append(found)
        said.append(note(rows, ended))
    return rows, said


def note(rows: Sequence[Row], ended: ModelRollout) -> str:
    """How many times as long uploads wait, and what was compared meanwhile."""
    alone, found, counts = rows[0], rows[-1], ended.counts
    times = found.p95 / alone.p95 if found.p95 and alone.p95 else float("nan")
    return (
        f"{found.load}: p95 {times:.2f} x without; of {found.published} photographs {counts.diff.images} were"
        f" compared, {counts.passed_over} passed over, {counts.errors} failed"
    )


def main() -> int:
    """Measure, and print a table or one JSON document."""
    asked = _arguments()
    return parts.run(lambda: _measured(asked), asked, "rollouts")


def _measured(asked: argparse.Namespace) -> Part:
    with swaps.following(asked.device) as (environment, _, _worker):
        rows, said = asyncio.run(measure(fleet.settings(environment), asked))
    about = ABOUT.format(rate=asked.rate, seconds=asked.seconds, percent=asked.percent)
    return Part.here(about, [asdict(each) for each in rows], said)


def _arguments() -> argparse.Namespace:
    parser = parts.parser("benchmarks.rollouts", __doc__ or "", EXAMPLES)
    parser.add_argument("--rate", type=float, default=15, help="photographs a second (15)")
    parser.add_argument("--seconds", type=float, default=40, help="of each load (40)")
    parser.add_argument("--percent", type=float, default=50, help="of the uploads, for the canary (50)")
    parser.add_argument("--device", default="cpu", help="of the worker's model (cpu)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
