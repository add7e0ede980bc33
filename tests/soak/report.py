"""The report: one HTML file that needs nothing else."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import Final

from model import templates
from tests.soak import plots
from tests.soak.account import Fault
from tests.soak.result import Result

TEMPLATE: Final = "report.html.j2"


def render(result: Result) -> str:
    """The report; everything that a log may hold is escaped."""
    environment = templates.environment(Path(__file__).parent)
    seconds = plots.length(result)
    return environment.get_template(TEMPLATE).render(
        result=result,
        account=result.account,
        counts={fault: len(result.account.of(fault)) for fault in Fault},
        recoveries=_recoveries(result),
        plots=plots.plots(result),
        bands=plots.bands(result.struck, seconds),
        times=plots.times(seconds),
        size=plots,
        version=metadata.version("tagstream"),
    )


def _recoveries(result: Result) -> dict[str, str]:
    """Seconds until the backlog was as before, by kind of fault."""
    said: dict[str, list[str]] = {}
    for fault in result.struck:
        text = "never" if fault.recovery is None else f"{fault.recovery:.0f}"
        said.setdefault(fault.name, []).append(text)
    return {name: ", ".join(each) for name, each in sorted(said.items())}
