"""`python -m benchmarks.suite`: as fast as the machine allows? The limit, the system, the alternatives."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from benchmarks.suite import page, parts, plots, reasons, results, servers, table
from benchmarks.suite.alternatives import ALTERNATIVES, REFUSED
from benchmarks.suite.environment import NotInstalled
from benchmarks.suite.limit import limits
from benchmarks.suite.measurement import Sample, measure
from benchmarks.suite.photographs import Kind, kinds
from benchmarks.suite.programs import Program, tagstream
from benchmarks.suite.results import PRODUCT, Machine, Results
from deploy.stack.builds import Missing
from deploy.stack.layout import HOST
from deploy.stack.reservation import reserved
from deploy.stack.service import NotReady
from deploy.stack.stack import Stack

EXAMPLES: Final = """
examples:
  make bench                                            minutes: three rounds
  make bench-full                                       five rounds of four times as many photographs
  make bench OPTIONS="--photographs ~/pictures"         over your own
  make bench OPTIONS="--only 'Faust, take(32)'"         the product beside one alternative
  make bench OPTIONS="--json" > bench.json
  make bench-growth bench-latency bench-takeover        first, and then take what they have measured in:
  make bench OPTIONS="--page docs/performance.md --growth build/bench/growth.json
    --latency build/bench/latency.json --latency build/bench/takeover.json"
  make bench OPTIONS="--from build/bench/bench.json --page docs/performance.md"
"""
RESULT: Final = "bench.json"


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured."""

    rounds: int
    renditions: int
    full_size: int


SHORT: Final = Size(rounds=3, renditions=256, full_size=96)
FULL: Final = Size(rounds=5, renditions=1024, full_size=384)


def main() -> int:
    """Measure, or read what was measured, and show it; 1 and a line where it cannot be."""
    # Asked to stop by the system it stops its servers too, as it does for Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    asked = _arguments()
    try:
        others = {name: [parts.read(each) for each in getattr(asked, name)] for name in page.PARTS}
        found = Results.read(asked.read) if asked.read else _measured(asked)
    except (Missing, NotReady, ValueError, OSError) as error:
        sys.stderr.write(f"bench: {error}\n")
        return 1
    found = replace(found, parts={**found.parts, **{name: each for name, each in others.items() if each}})
    if not asked.read:
        (asked.output / RESULT).write_text(found.as_json())
    if asked.page:
        page.write(asked.page, found)
    if asked.json:
        print(found.as_json())
    else:
        table.show(found)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m benchmarks.suite",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    folder = {"type": Path, "metavar": "DIR"}
    parser.add_argument("--full", action="store_true", help="more rounds, and more photographs in each")
    parser.add_argument("--photographs", **folder, help="full-size ones of yours instead of enlarged samples")
    parser.add_argument("--renditions", **folder, help="small ones; reduced from --photographs where absent")
    parser.add_argument("--only", action="append", metavar="NAME", help="this alternative (again for more)")
    parser.add_argument("--rounds", type=int, metavar="N", help="rounds, each of every program in turn")
    parser.add_argument(
        "--output", **folder, default=parts.OUTPUT, help=f"for JSON and plots ({parts.OUTPUT})"
    )
    file = {"type": Path, "metavar": "FILE", "action": "append", "default": []}
    parser.add_argument("--growth", **file, help="JSON of `make bench-growth`, for the page")
    parser.add_argument(
        "--latency", **file, help="of `make bench-latency` or `tagstream stress` (again for more)"
    )
    parser.add_argument("--from", dest="read", type=Path, metavar="FILE", help="show it; measure nothing")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write the figures into this page")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of the table")
    return parser.parse_args()


def _measured(asked: argparse.Namespace) -> Results:
    size = FULL if asked.full else SHORT
    both = kinds(asked.photographs, asked.renditions)
    counts = list(zip(both, (size.renditions, size.full_size), strict=True))
    failed = dict(REFUSED)
    with (
        Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=Console(stderr=True),
        ) as progress,
        tempfile.TemporaryDirectory(prefix="tagstream-bench-") as folder,
        reserved(1, host=HOST) as (metrics_port,),
    ):
        programs = [tagstream(metrics_port), *_alternatives(asked.only, failed, progress)]
        rounds = asked.rounds or size.rounds
        task = progress.add_task("The servers of the stack", total=rounds * len(programs) + 1)
        with servers.running() as stack:
            servers.put(stack, both)
            suite = _Suite(stack, programs, counts, metrics_port, Path(folder), progress, task, failed)
            limit, samples = asyncio.run(suite.run(rounds))
    found = Results(
        taken=results.now(),
        commit=results.commit(),
        is_full=asked.full,
        machine=Machine.this(),
        photographs={kind.name: kind.about for kind in both},
        limits=limit,
        rounds=samples,
        failed=failed,
    )
    asked.output.mkdir(parents=True, exist_ok=True)
    plots.write(asked.output, found)
    return found


def _alternatives(only: Sequence[str] | None, failed: dict[str, str], progress: Progress) -> list[Program]:
    """Those that are asked for, each with its library; what one of them refuses is kept in `failed`."""
    names = [each.name for each in ALTERNATIVES]
    if unknown := set(only or ()) - set(names):
        raise ValueError(f"--only {min(unknown)!r}: there is {', '.join(map(repr, names))}")
    wanted = [each for each in ALTERNATIVES if only is None or each.name in only]
    task = progress.add_task("Environments of the alternatives", total=len(wanted))
    found = []
    for each in wanted:
        try:
            found.append(each.program())
        except NotInstalled as error:
            failed[each.name] = f"not installed: {reasons.in_a_line(error)}"
        progress.advance(task)
    return found


@dataclass
class _Suite:
    stack: Stack
    programs: Sequence[Program]
    kinds: Sequence[tuple[Kind, int]]
    metrics_port: int
    folder: Path
    progress: Progress
    task: TaskID
    failed: dict[str, str] = field(default_factory=dict)

    async def run(self, rounds: int) -> tuple[list[results.Limit], list[list[Sample]]]:
        """The limit, then rounds of all programs, each beginning with another one."""
        self.progress.update(self.task, description="The limit: decode and forward alone")
        limit = await limits([kind for kind, _ in self.kinds], self.folder / "limit")
        self.progress.advance(self.task)
        found = []
        for number in range(rounds):
            first = number % len(self.programs)
            turn = [*self.programs[first:], *self.programs[:first]]
            found.append([each for program in turn for each in await self._samples(program, number)])
        return limit, found

    async def _samples(self, program: Program, number: int) -> list[Sample]:
        self.progress.update(self.task, description=f"Round {number + 1}: {program.name}")
        port = self.metrics_port if program.name == PRODUCT else 0
        folder = self.folder / f"{number}-{program.name.replace(' ', '-')}"
        try:
            if program.name in self.failed:
                return []
            return await measure(program, self.stack, self.kinds, folder, metrics_port=port)
        except Exception as error:  # the others are measured all the same; the page says what was not
            if program.name == PRODUCT:
                raise
            self.failed[program.name] = reasons.in_a_line(error)
            return []
        finally:
            self.progress.advance(self.task)


if __name__ == "__main__":
    sys.exit(main())
