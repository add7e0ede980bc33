"""The simulation beside a real run: p50 and p95 at the rates that `benchmarks.lanes.measure` has run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.lanes import day
from benchmarks.lanes.costs import Costs
from benchmarks.lanes.simulation import Simulation


def rows(costs: Costs, measured: Path) -> Iterator[dict[str, Any]]:
    """One for each share; raises `ValueError` for a file that holds no such run."""
    try:
        said = json.loads(measured.read_text(encoding="utf-8"))
        runs = [(each, said["seconds"][each["load"]]) for each in said["rows"]]
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"{measured}: no run of `python -m benchmarks.lanes.measure`: {error!r}") from error
    for each, seconds in runs:
        if each["load"].endswith("%"):
            yield row(costs, each, seconds)


def row(costs: Costs, measured: dict[str, Any], seconds: float) -> dict[str, Any]:
    """One worker, asked for the same photographs at the same times."""
    outcome = Simulation(day.even(measured["rate"], seconds), costs, workers=1).run()
    p50, p95 = np.percentile(outcome.tagged - outcome.uploaded, [50, 95])
    return {
        "load": measured["load"],
        "rate": measured["rate"],
        "p50": {"measured": measured["p50"], "simulated": round(float(p50), 3)},
        "p95": {"measured": measured["p95"], "simulated": round(float(p95), 3)},
    }
