"""Results of a run of the suite: what was measured, on which machine, and their medians."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, Self

from benchmarks.suite.limit import Limit
from benchmarks.suite.measurement import Sample

PRODUCT = "Tagstream"


@dataclass(frozen=True, slots=True)
class Machine:
    """Where it was measured."""

    processor: str
    cores: int
    memory_gib: float
    system: str
    python: str
    load: float
    """Of the minute before: others that ran beside it."""

    @property
    def about(self) -> str:
        """In a line."""
        return (
            f"{self.processor}, {self.cores} cores, {self.memory_gib:.0f} GiB, {self.system},"
            f" Python {self.python}, load {self.load}"
        )

    @classmethod
    def this(cls) -> Self:
        """The one that this runs on."""
        said = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
        names = [
            line.partition(":")[2].strip() for line in said.splitlines() if line.startswith("model name")
        ]
        pages = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        return cls(
            processor=names[0] if names else platform.processor() or platform.machine(),
            cores=len(os.sched_getaffinity(0)),
            memory_gib=round(pages / 2**30, 1),
            system=f"{platform.system()} {platform.release()}",
            python=platform.python_version(),
            load=round(os.getloadavg()[0], 1),
        )


@dataclass(frozen=True, slots=True)
class Figures:
    """The medians of one program's samples of one kind."""

    program: str
    kind: str
    rounds: int
    cpu_ms: float
    least_cpu_ms: float
    most_cpu_ms: float
    rate: float
    start_seconds: float
    memory_mib: float
    servers_ms: float
    times_product: float | None
    """CPU beside the product's of the same round, the median of the rounds."""


@dataclass(frozen=True, slots=True)
class Results:
    """Of one run."""

    taken: str
    commit: str
    is_full: bool
    machine: Machine
    photographs: Mapping[str, str]
    limits: Sequence[Limit]
    rounds: Sequence[Sequence[Sample]]
    failed: Mapping[str, str]
    """What was not measured, by name, and why."""
    parts: Mapping[str, list[Any]] = field(default_factory=dict)
    """What others have measured, as they wrote it: growth, latency; a document a file."""

    def figures(self) -> list[Figures]:
        """Of each program and kind, in the order in which they were first measured."""
        every = [sample for round_ in self.rounds for sample in round_]
        pairs = dict.fromkeys((each.kind, each.program) for each in every)
        kinds = list(dict.fromkeys(kind for kind, _ in pairs))
        return [
            self._figures(program, kind) for kind, program in sorted(pairs, key=lambda p: kinds.index(p[0]))
        ]

    def stages(self, kind: str) -> dict[str, float]:
        """Milliseconds that a photograph spends in each stage of the product's worker."""
        found = [each for each in self._samples(PRODUCT, kind) if each.stages_ms]
        names = dict.fromkeys(name for each in found for name in each.stages_ms)
        return {name: median(each.stages_ms.get(name, 0.0) for each in found) for name in names}

    def processes(self, kind: str) -> tuple[float, float]:
        """CPU milliseconds of the product's own process, and of all that it has started."""
        found = [each.processes_ms for each in self._samples(PRODUCT, kind) if each.processes_ms]
        if not found:
            return 0.0, 0.0
        return median(each[0] for each in found), median(sum(each[1:]) for each in found)

    def resident(self, kind: str) -> float:
        """MiB of the product's own process, without its decoders; 0 where it was not measured."""
        found = [each.resident_mib[0] for each in self._samples(PRODUCT, kind) if each.resident_mib]
        return median(found) if found else 0.0

    def _samples(self, program: str, kind: str) -> list[Sample]:
        every = (each for round_ in self.rounds for each in round_)
        return [each for each in every if (each.program, each.kind) == (program, kind)]

    def _figures(self, program: str, kind: str) -> Figures:
        found = self._samples(program, kind)
        return Figures(
            program=program,
            kind=kind,
            rounds=len(found),
            cpu_ms=median(each.cpu_ms for each in found),
            least_cpu_ms=min(each.cpu_ms for each in found),
            most_cpu_ms=max(each.cpu_ms for each in found),
            rate=median(each.rate for each in found),
            start_seconds=median(each.start_seconds for each in found),
            memory_mib=median(each.memory_mib for each in found),
            servers_ms=median(sum(each.servers_ms.values()) for each in found),
            times_product=self._times_product(program, kind),
        )

    def _times_product(self, program: str, kind: str) -> float | None:
        ratios = []
        for round_ in self.rounds:
            cost = {each.program: each.cpu_ms for each in round_ if each.kind == kind}
            if program in cost and PRODUCT in cost:
                ratios.append(cost[program] / cost[PRODUCT])
        return median(ratios) if ratios else None

    def as_json(self) -> str:
        """The whole, with the medians."""
        return json.dumps(asdict(self) | {"figures": [asdict(each) for each in self.figures()]}, indent=2)

    @classmethod
    def read(cls, file: Path) -> Self:
        """As `as_json` wrote it."""
        said = json.loads(file.read_text())
        said.pop("figures")
        return cls(
            **said
            | {
                "machine": Machine(**said["machine"]),
                "limits": [Limit(**each) for each in said["limits"]],
                "rounds": [[Sample(**each) for each in round_] for round_ in said["rounds"]],
            }
        )


def commit() -> str:
    """Of the checkout, in short; with a plus where something in it was changed."""
    git = ["git", "describe", "--always", "--dirty=+"]
    ran = subprocess.run(git, capture_output=True, text=True, check=False, cwd=Path(__file__).parent)  # noqa: S603
    return ran.stdout.strip() or "unknown"


def now() -> str:
    """The day, for the page."""
    return datetime.now(UTC).date().isoformat()
