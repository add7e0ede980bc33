"""Latency from upload to tag, at shares of what the system can do.

Starts the stack and workers and finds their capacity: a backlog is published faster than they can work, then
photographs come at the rate at which it went down, and what is tagged a second while they come counts. Then
`tagstream stress` runs at 25, 50, 75 and 90 % of that. The publisher and the servers share the machine's
processors with the workers: the capacity is the whole machine's.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

from rich.console import Console

from agents.wiring.settings import Settings
from benchmarks import fleet
from benchmarks.suite import parts, servers
from benchmarks.suite.parts import Part
from operations import stress
from operations.stress import StressRequest, StressState
from operations.stress_ledger import StressReport
from tagstream import samples

SHARES: Final = (0.25, 0.5, 0.75, 0.9)
AIMED: Final = "50%"
AIM: Final = 1.0
"""Seconds, of the 95th percentile."""
FAST: Final = 300.0
"""Photographs a second: more than a few processors work off."""


ABOUT: Final = (
    "`make bench-latency`: {workers} of `{program}` that can do {most:.1f} photographs a second here, asked"
    " for a share of that during {seconds:g} s each with the program's own photographs; seconds from the time"
    " at which a photograph was to be uploaded to its tag event, `begun_late` by the publisher itself"
)
EXAMPLES: Final = """\
  make bench-latency                                     eight minutes: one worker with the packaged model
  make bench-latency OPTIONS="--workers 2 --seconds 120"
  make bench-latency OPTIONS="--sleeping"                a forward that sleeps, as a GPU's does
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One load; latencies in seconds."""

    load: str
    rate: float
    published: int
    p50: float | None
    p95: float | None
    p99: float | None
    most: float | None
    begun_late_p99: float | None
    missing: int
    dead_lettered: int
    redeliveries: int
    lag_most: int


class _Silent:
    """Nobody watches."""

    def doing(self, what: str, total: int | None) -> None:
        """See `StressProgress.doing`."""

    def stands(self, state: StressState) -> None:
        """See `StressProgress.stands`."""

    def took_back(self, objects: int) -> None:
        """See `StressProgress.took_back`."""


async def run(config: Settings, *, rate: float, seconds: float, keep: bool = False) -> StressReport:
    """One stress run with the program's own photographs, which are removed in the end or kept."""
    request = StressRequest(rate, seconds, samples.photographs(), drawn=stress.DRAWN, keep=keep)
    return await stress.stress(request, config, _Silent())


async def capacity(config: Settings, *, photographs: int, seconds: float) -> float:
    """Photographs a second that are tagged while as many come as can be; raises where no backlog grew."""
    report = await run(config, rate=FAST, seconds=photographs / FAST)
    if report.per_second is None:
        raise RuntimeError(f"no backlog grew: {report.counts}; more --photographs make one")
    return sustained(await run(config, rate=report.per_second, seconds=seconds))


def sustained(report: StressReport) -> float:
    """Tags a second of a run that was as much as can be, or more: the last tag came so long after its end."""
    if report.latency.most is None:
        raise RuntimeError(f"nothing was tagged: {report.counts}")
    return report.counts.tagged / (report.seconds + report.latency.most)


def row(load: str, report: StressReport) -> Row:
    """A line of the table."""
    counts, latency = report.counts, report.latency
    return Row(
        load=load,
        rate=round(report.rate, 2),
        published=counts.published,
        p50=_seconds(latency.p50),
        p95=_seconds(latency.p95),
        p99=_seconds(latency.p99),
        most=_seconds(latency.most),
        begun_late_p99=_seconds(report.lateness.p99),
        missing=counts.missing + counts.unpublished,
        dead_lettered=counts.dead_lettered,
        redeliveries=counts.redeliveries,
        lag_most=report.lag_most,
    )


async def measure(
    config: Settings, *, seconds: float, photographs: int, tell: Console
) -> tuple[float, list[Row]]:
    """The capacity, and a row a share of it."""
    await run(config, rate=20, seconds=5)  # warm: batches of every size, connections, the JVMs
    most = await capacity(config, photographs=photographs, seconds=seconds)
    tell.print(f"Capacity: {most:.1f} photographs a second")
    rows = []
    for share in SHARES:
        rows.append(row(f"{share:.0%}", await run(config, rate=most * share, seconds=seconds)))
        tell.print(f"{rows[-1]}")
    return most, rows


def part(program: str, workers: int, seconds: float, most: float, rows: Sequence[Row]) -> Part:
    """For the terminal and the page."""
    name = "tagstream worker" if program == fleet.PRODUCT else program
    about = ABOUT.format(workers=workers, program=name, most=most, seconds=seconds)
    return Part.here(about, [asdict(each) for each in rows], notes(rows))


def notes(rows: Sequence[Row]) -> list[str]:
    """Whether half the load is tagged as fast as is aimed at, and what was lost."""
    said = []
    for each in rows:
        if each.load == AIMED and each.p95 is not None:
            verdict = "within" if each.p95 <= AIM else "beyond"
            said.append(f"p95 at {each.load} is {each.p95:g} s: {verdict} the {AIM:g} s that are aimed at")
        if lost := each.missing + each.dead_lettered:
            said.append(f"at {each.load} {lost:,} photographs have no tag")
    return said


def main() -> int:
    """Measure, and print a table or one JSON document."""
    asked = _arguments()
    return parts.run(lambda: _measured(asked), asked, "latency")


def _measured(asked: argparse.Namespace) -> Part:
    tell = Console(stderr=True)
    environment = {"TAGSTREAM_MODEL__DEVICE": asked.device, "TAGSTREAM_LOG__LEVEL": "warning"}
    program = fleet.SLEEPING if asked.sleeping else fleet.PRODUCT
    with servers.running() as stack:
        config = fleet.settings(stack.settings)
        with fleet.fleet({**stack.settings, **environment}, program, asked.workers):
            most, rows = asyncio.run(
                measure(config, seconds=asked.seconds, photographs=asked.photographs, tell=tell)
            )
    return part(program, asked.workers, asked.seconds, most, rows)


def _arguments() -> argparse.Namespace:
    parser = parts.parser("benchmarks.latency", __doc__ or "", EXAMPLES)
    parser.add_argument("--workers", type=int, default=1, help="processes (1)")
    parser.add_argument("--seconds", type=float, default=60, help="of each load (60)")
    parser.add_argument("--photographs", type=int, default=1500, help="of the backlog (1500)")
    parser.add_argument("--device", default="cpu", help="of the workers' model (cpu)")
    parser.add_argument("--sleeping", action="store_true", help="workers whose forward sleeps")
    return parser.parse_args()


def _seconds(figure: float | None) -> float | None:
    return None if figure is None else round(figure, 3)


if __name__ == "__main__":
    sys.exit(main())
