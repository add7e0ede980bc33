"""Takeover: how long a killed worker's partitions stand still.

Two workers over the stack, an open loop of photographs, and kill -9 of one of them in the middle. Whoever was
uploaded to one of its partitions just then waits the longest of all: the takeover is the greatest latency.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

from agents.wiring.settings import Settings
from benchmarks import fleet
from benchmarks.fleet import Fleet
from benchmarks.latency import run
from benchmarks.suite import parts, servers
from benchmarks.suite.parts import Part

AT_MOST: Final = 12.0
"""Seconds."""
ABOUT: Final = (
    "`make bench-takeover`: two of `{program}`, one of them killed with -9 while photographs come;"
    " seconds from upload to tag, the greatest of which is the takeover's"
)
EXAMPLES: Final = """\
  make bench-takeover                                    three minutes: 5 and 20 photographs a second
  make bench-takeover OPTIONS="--model --rates 5"        workers with the packaged model
"""


@dataclass(frozen=True, slots=True)
class Takeover:
    """At one rate."""

    rate: float
    published: int
    p50: float
    takeover: float
    missing: int
    redeliveries: int


async def measure(config: Settings, workers: Fleet, *, rate: float, seconds: float) -> Takeover:
    """One kill, after a third of the time."""
    running = asyncio.create_task(run(config, rate=rate, seconds=seconds))
    # The run finds out first who announces, for 3 seconds at most.
    await asyncio.sleep(5 + seconds / 3)
    await asyncio.to_thread(workers.kill)
    report = await running
    counts, latency = report.counts, report.latency
    if latency.p50 is None or latency.most is None:
        raise RuntimeError(f"nothing was tagged: {counts}")
    return Takeover(
        rate=rate,
        published=counts.published,
        p50=round(latency.p50, 3),
        takeover=round(latency.most, 2),
        missing=counts.missing,
        redeliveries=counts.redeliveries,
    )


def main() -> int:
    """Measure, and print a table or one JSON document."""
    asked = _arguments()
    return parts.run(lambda: _measured(asked), asked, "takeover")


def _measured(asked: argparse.Namespace) -> Part:
    program = fleet.PRODUCT if asked.model else fleet.SLEEPING
    rows = []
    with servers.running() as stack:
        around = {**stack.settings, "TAGSTREAM_MODEL__DEVICE": "cpu", "TAGSTREAM_LOG__LEVEL": "warning"}
        config = fleet.settings(stack.settings)
        for rate in map(float, asked.rates.split(",")):
            with fleet.fleet(around, program, 2) as workers:
                rows.append(asyncio.run(measure(config, workers, rate=rate, seconds=asked.seconds)))
    return part(program, rows)


def part(program: str, rows: Sequence[Takeover]) -> Part:
    """For the terminal and the page."""
    name = "tagstream worker" if program == fleet.PRODUCT else program
    return Part.here(ABOUT.format(program=name), [asdict(each) for each in rows], notes(rows))


def notes(rows: Sequence[Takeover]) -> list[str]:
    """Whether it took as long as is promised at most."""
    longest = max((each.takeover for each in rows), default=0.0)
    verdict = "within" if longest <= AT_MOST else "beyond"
    said = [f"the longest takeover is {longest:g} s: {verdict} the {AT_MOST:g} s that it may take"]
    return said + [f"at {each.rate:g} a second {each.missing:,} have no tag" for each in rows if each.missing]


def _arguments() -> argparse.Namespace:
    parser = parts.parser("benchmarks.takeover", __doc__ or "", EXAMPLES)
    parser.add_argument("--rates", default="5,20", metavar="R,R", help="photographs a second (5,20)")
    parser.add_argument("--seconds", type=float, default=45, help="of each rate (45)")
    parser.add_argument("--model", action="store_true", help="workers with the packaged model")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
