"""`python -m benchmarks [--json]`: the cost of each stage, and its share of the dearest."""

import json
import sys
from dataclasses import asdict

from rich.console import Console
from rich.progress import track
from rich.table import Table

from agents.telemetry import logs
from agents.telemetry.settings import LogSettings
from benchmarks.cost import Cost, cost
from benchmarks.stages import stages


def main() -> None:
    """Measure, and print a table or one JSON document."""
    logs.configure(LogSettings(level="warning"))
    err = Console(stderr=True)
    costs = [cost(name, work) for name, work in track(list(stages()), "Measuring", console=err)]
    if "--json" in sys.argv[1:]:
        print(json.dumps([asdict(one) for one in costs], indent=2))
    else:
        _print(costs)


def _print(costs: list[Cost]) -> None:
    dearest = max(one.median for one in costs)
    table = Table("Stage", "CPU µs an image", "least - most", "of the dearest", box=None)
    for one in costs:
        spread = f"{one.least:,.0f} - {one.most:,.0f}"
        table.add_row(one.name, f"{one.median:,.0f}", spread, f"{one.median / dearest:.1%}")
    Console().print(table)


if __name__ == "__main__":
    main()
