"""Costs of one worker over the real stack, and its latencies at shares of its capacity, as a check.

The costs come of runs of their own: a light one, in which nobody waits for anybody (fetch, decode, what
comes before and after), and a full one (batches as large as they get). Then the shares are run, whose
latencies the simulation has to say without them. Batches are found in the store's history: the photographs
of one have the same forward to the last digit.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import mean, median
from typing import Any, Final

from agents.wiring.settings import Settings
from benchmarks import fleet, latency
from benchmarks.fleet import Fleet
from benchmarks.lanes.costs import Costs, line
from benchmarks.suite import parts, servers
from benchmarks.suite.results import Machine, commit, now
from deploy.stack.builds import Missing
from deploy.stack.service import NotReady
from model.data.gather import gather_bounded
from operations import store
from operations.stress_ledger import StressReport
from schemas.records import ScoreRecord
from streams.scanning import every_head

LIGHT: Final = 5.0
"""Photographs a second of which each is alone."""
AT_ONCE: Final = 32
"""Images whose history is read at once."""
TOGETHER: Final = timedelta(seconds=0.25)
"""Between two photographs of one batch, at most."""
EXAMPLES: Final = """\
  python -m benchmarks.lanes.measure                     four minutes; then `make bench-lanes` takes its costs
  python -m benchmarks.lanes.measure --sleeping --seconds 10
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """One run: what it came to, what the stages took, and when."""

    load: str
    report: StressReport
    stages: Mapping[str, float]
    """Seconds of all its photographs."""
    start: datetime
    end: datetime

    def records(self, history: Sequence[ScoreRecord]) -> list[ScoreRecord]:
        """Those that were scored in it."""
        return [each for each in history if self.start <= each.scored_at < self.end]


class Bench:
    """Runs one after another over one worker."""

    def __init__(self, config: Settings, workers: Fleet) -> None:
        self._config = config
        self._workers = workers
        self.runs: list[Measured] = []

    async def run(self, load: str, rate: float, seconds: float) -> StressReport:
        """One of them."""
        before, start = self._workers.stages, datetime.now(UTC)
        report = await latency.run(self._config, rate=rate, seconds=seconds, keep=True)
        after = self._workers.stages
        spent = {name: after[name] - before.get(name, 0.0) for name in after}
        self.runs.append(Measured(load, report, spent, start, datetime.now(UTC)))
        sys.stderr.write(f"{load}: {report.latency} of {report.counts.tagged:,}\n")
        return report

    async def all(self, *, seconds: float, photographs: int) -> float:
        """Warm it, then the light run, the full ones, and the shares; the capacity."""
        await self.run("warm", 20, 5)
        await self.run("light", LIGHT, seconds)
        backlog = await self.run("backlog", latency.FAST, photographs / latency.FAST)
        if backlog.per_second is None:
            raise RuntimeError(f"no backlog grew: {backlog.counts}; more --photographs make one")
        most = latency.sustained(await self.run("full", backlog.per_second, seconds))
        for share in latency.SHARES:
            await self.run(f"{share:.0%}", most * share, seconds)
        return most

    async def history(self) -> list[ScoreRecord]:
        """All that was scored."""
        found: list[ScoreRecord] = []
        async with store.open_store(self._config.store) as scores:

            async def read(image_id: str) -> None:
                found.extend(await scores.records(image_id))

            names = [head.image_id async for head in every_head(scores)]
            await gather_bounded(names, read, at_once=AT_ONCE)
        return found


def batches(records: Sequence[ScoreRecord]) -> list[tuple[int, float]]:
    """Size and seconds of every forward."""
    found: list[tuple[int, float]] = []
    last: ScoreRecord | None = None
    for each in sorted(records, key=lambda record: (record.seconds["forward"], record.scored_at)):
        forward = each.seconds["forward"]
        # Thousands of forwards of some 18 ms share their microsecond; those of one batch end together.
        is_same = last is not None and last.seconds["forward"] == forward
        if last is not None and is_same and each.scored_at - last.scored_at < TOGETHER:
            found[-1] = (found[-1][0] + 1, forward)
        else:
            found.append((1, forward))
        last = each
    return found


def costs(runs: Sequence[Measured], history: Sequence[ScoreRecord], *, decoders: int, source: str) -> Costs:
    """Of the light run and the full one alone."""
    by_load = {each.load: each for each in runs}
    light = by_load["light"]
    alone = light.records(history)
    size = max(size for size, _ in batches(by_load["full"].records(history)))
    full = mean(spent for each, spent in batches(by_load["full"].records(history)) if each == size)
    stage = {name: median(each.seconds[name] for each in alone) for name in ("fetch", "decode", "queued")}
    forward = median(each.seconds["forward"] for each in alone)
    batch, image = line(forward, size, full)
    said = {name: light.stages.get(name, 0.0) / len(alone) for name in ("store", "announce", "mark")}
    tell = said["store"] + said["announce"]
    known = sum(stage.values()) + forward + tell
    return Costs(
        hop=max(0.0, (light.report.latency.p50 or 0.0) - known),
        load=stage["fetch"] + stage["decode"],
        decode=stage["decode"] / decoders,
        batch=batch,
        image=image,
        tell=tell,
        mark=said["mark"],
        source=source,
    )


def document(most: float, runs: Sequence[Measured], history: Sequence[ScoreRecord]) -> dict[str, Any]:
    """What was measured, for the simulation to be held against."""
    return {
        "capacity": most,
        "rows": [asdict(latency.row(each.load, each.report)) for each in runs],
        "seconds": {each.load: each.report.seconds for each in runs},
        "stages": {each.load: dict(each.stages) for each in runs},
        "forwards": {each.load: _by_size(each.records(history)) for each in runs},
    }


def _by_size(records: Sequence[ScoreRecord]) -> dict[int, dict[str, float]]:
    sizes: defaultdict[int, list[float]] = defaultdict(list)
    for size, seconds in batches(records):
        sizes[size].append(seconds)
    return {size: {"batches": len(each), "median": median(each)} for size, each in sorted(sizes.items())}


def _measured(asked: argparse.Namespace) -> tuple[Costs, dict[str, Any]]:
    program = fleet.SLEEPING if asked.sleeping else fleet.PRODUCT
    environment = {"TAGSTREAM_MODEL__DEVICE": asked.device, "TAGSTREAM_LOG__LEVEL": "warning"}
    with servers.running() as stack:
        config = fleet.settings(stack.settings)
        with fleet.fleet({**stack.settings, **environment}, program, 1) as workers:
            bench = Bench(config, workers)
            most = asyncio.run(bench.all(seconds=asked.seconds, photographs=asked.photographs))
        history = asyncio.run(bench.history())
    source = f"measured {now()}, commit {commit()}, `{program}`: {Machine.this().about}"
    found = costs(bench.runs, history, decoders=config.decode.processes, source=source)
    return found, document(most, bench.runs, history)


def main() -> int:
    """Measure, and leave the costs and what they are to be held against."""
    asked = _arguments()
    try:
        found, said = _measured(asked)
    except (Missing, NotReady, RuntimeError, ValueError, OSError) as error:
        sys.stderr.write(f"lanes: {error}\n")
        return 1
    asked.output.mkdir(parents=True, exist_ok=True)
    place: Path = asked.output / "lanes-costs.json"
    place.write_text(found.as_json(), encoding="utf-8")
    (asked.output / "lanes-measured.json").write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")
    print(place.read_text(encoding="utf-8"), end="")
    return 0


def _arguments() -> argparse.Namespace:
    parser = parts.parser("benchmarks.lanes.measure", __doc__ or "", EXAMPLES)
    parser.add_argument("--seconds", type=float, default=20, help="of each run (20)")
    parser.add_argument("--photographs", type=int, default=900, help="of the backlog (900)")
    parser.add_argument("--device", default="cpu", help="of the worker's model (cpu)")
    parser.add_argument("--sleeping", action="store_true", help="a worker whose forward sleeps")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
