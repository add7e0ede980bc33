"""Simulate days of live uploads with and without a replay, and print what each photograph waits.

Nothing is started and nothing is measured here: the costs come from `python -m benchmarks.lanes.measure`,
where it was run, else from the machine of the benches.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Final

from benchmarks.lanes import check, day, plot
from benchmarks.lanes.costs import Costs
from benchmarks.lanes.days import Asked, days, notes
from benchmarks.lanes.worker import Limits
from benchmarks.suite import parts
from benchmarks.suite.parts import Part
from operations.capacity_day import HOUR, hours, natural_peak

BENCH_MACHINE: Final = Path(__file__).with_name("bench-machine.json")
MEASURED: Final = "lanes-costs.json"
PROCESSOR_BATCH: Final = 8
"""What a worker takes on two cores (ADR 36)."""
VERSIONS: Final = {"other": True, "same": False}
"""What the replay wants, beside what serves: another version has a batcher of its own."""
ABOUT: Final = (
    "`make bench-lanes`: simulated, {live:,} live photographs of a day (the busiest hour {peak:.1f} times the"
    " mean) and a replay of {replay:,} from {start:g}:00 on; seconds from upload to tag of what came while"
    " the replay ran; {deaths} deaths a day; seed {seed}. Costs: {costs}"
)
CHECK: Final = (
    "`make bench-lanes OPTIONS=--check`: one worker asked for the same as in the real run. Costs: {}"
)
EXAMPLES: Final = """\
  make bench-lanes                                                a minute and a half; nothing is started
  make bench-lanes OPTIONS="--workers 2 --version same --rates none --beside 1,2,8"
  make bench-lanes OPTIONS="--check build/bench/lanes-measured.json"    beside the real run of the costs
"""


def main() -> int:
    """Simulate, and print a table or one JSON document; a plot beside it."""
    asked = _arguments()
    return parts.run(lambda: _checked(asked) if asked.check else _simulated(asked), asked, "lanes")


def _simulated(asked: argparse.Namespace) -> Part:
    wanted = Asked(
        arrivals=day.poisson(hours(asked.live_per_day, asked.peak), asked.seed),
        costs=_costs(asked),
        besides=tuple(map(int, asked.beside.split(","))),
        batch=asked.batch,
        apart=tuple(VERSIONS[each] for each in asked.version.split(",")),
        workers=tuple(map(int, asked.workers.split(","))),
        images=int(asked.replay),
        start=asked.start * HOUR,
        rates=tuple(None if each == "none" else float(each) for each in asked.rates.split(",")),
        deaths=asked.deaths,
        seed=asked.seed,
    )
    found = list(days(wanted))
    asked.output.mkdir(parents=True, exist_ok=True)
    place: Path = asked.output / "lanes.svg"
    place.write_text(plot.svg(found), encoding="utf-8")
    rows = [each.row for each in found]
    about = ABOUT.format(
        live=len(wanted.arrivals),
        peak=asked.peak or natural_peak(),
        replay=wanted.images,
        start=asked.start,
        deaths=asked.deaths,
        seed=asked.seed,
        costs=wanted.costs.source,
    )
    return Part.here(about, [asdict(each) for each in rows], [*notes(rows), f"as a plot: {place}"])


def _checked(asked: argparse.Namespace) -> Part:
    costs = _costs(asked)
    return Part.here(CHECK.format(costs.source), list(check.rows(costs, asked.check)), ())


def _costs(asked: argparse.Namespace) -> Costs:
    measured: Path = asked.output / MEASURED
    return Costs.read(asked.costs or (measured if measured.exists() else BENCH_MACHINE))


def _arguments() -> argparse.Namespace:
    parser = parts.parser("benchmarks.lanes", __doc__ or "", EXAMPLES)
    parser.add_argument("--live-per-day", type=float, default=500e3, help="photographs (500,000)")
    parser.add_argument("--peak", type=float, help=f"busiest hour beside the mean ({natural_peak():.1f})")
    parser.add_argument("--replay", type=float, default=1e6, help="photographs to score again (1,000,000)")
    parser.add_argument("--start", type=float, default=10, metavar="HOUR", help="of the replay (10)")
    parser.add_argument(
        "--rates", default="none,20", metavar="R,R", help="limits of the replay, a run each (none,20)"
    )
    parser.add_argument("--workers", default="1,2", metavar="N,N", help="processes, a run each (1,2)")
    versions = ",".join(VERSIONS)
    parser.add_argument(
        "--version", default=versions, metavar="V,V", help=f"that the replay wants, a run each ({versions})"
    )
    slots = str(Limits().beside)
    words = f"slots of the replay while live photographs come, a run each ({slots})"
    parser.add_argument("--beside", default=slots, metavar="N,N", help=words)
    words = f"photographs in a forward at most; a GPU takes {Limits().batch} ({PROCESSOR_BATCH})"
    parser.add_argument("--batch", type=int, default=PROCESSOR_BATCH, metavar="N", help=words)
    parser.add_argument("--deaths", type=int, default=2, help="of any worker in a day (2)")
    parser.add_argument("--seed", type=int, default=1, help="of arrivals and deaths (1)")
    parser.add_argument(
        "--costs", type=Path, metavar="FILE", help="as `benchmarks.lanes.measure` leaves them"
    )
    parser.add_argument("--check", type=Path, metavar="FILE", help="hold it against this real run instead")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
