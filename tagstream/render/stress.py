"""A stress run in the terminal: a live line on standard error, then figures or one JSON document."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import typer
from rich.text import Text

from operations.stress import StressProgress, StressState
from operations.stress_ledger import LatencyFigures, StressReport
from tagstream.render import progress as bars
from tagstream.render import tables
from tagstream.render.console import PrintableConsole


class _Line:
    """One bar, with the figures of now beside what goes on; it counts the photographs that have tags."""

    def __init__(self, shown: bars.Bars) -> None:
        self._shown = shown
        self._bar = shown.add_task("Starting", total=None)
        self._doing = "Starting"

    def doing(self, what: str, total: int | None) -> None:
        """See `StressProgress.doing`."""
        self._doing = what
        self._shown.update(self._bar, description=what, total=total)

    def stands(self, state: StressState) -> None:
        """See `StressProgress.stands`."""
        counts = state.counts
        facts = [f"{counts.due:,} sent", f"lag {state.lag:,}", *_latency(state.lately)]
        if counts.dead_lettered:
            facts.append(f"{counts.dead_lettered:,} dead-lettered")
        self._shown.update(
            self._bar, description=f"{self._doing}  {', '.join(facts)}", completed=counts.tagged
        )

    def took_back(self, objects: int) -> None:
        """See `StressProgress.took_back`."""
        self._shown.update(self._bar, completed=objects)


@contextmanager
def live(*, quiet: bool) -> Iterator[StressProgress]:
    """The live line, while the block runs."""
    with bars.on_terminal(*bars.columns(time="elapsed"), quiet=quiet) as shown:
        yield _Line(shown)


def say(report: StressReport, failures: Sequence[str], *, as_json: bool) -> None:
    """All figures on standard output; what is not as it should be on standard error."""
    if as_json:
        typer.echo(json.dumps({**report.document(), "failures": list(failures)}))
    else:
        PrintableConsole().print(tables.grid(_rows(report)))
    console = PrintableConsole(stderr=True)
    for each in failures:
        console.print_line(Text.assemble(("✗ ", "bold red"), each))


def _rows(report: StressReport) -> list[tuple[str, str]]:
    counts = report.counts
    return [
        ("Upload to tag", _spread(report.latency)),
        ("Published", f"{counts.published:,} at {report.rate:g}/s, announced by {report.announced_by}"),
        ("Begun late", f"{_spread(report.lateness)} (the publisher itself)"),
        ("Tagged", f"{counts.tagged:,}"),
        ("Missing", f"{counts.missing:,}"),
        ("Dead-lettered", f"{counts.dead_lettered:,}, put off for later {counts.deferred:,}"),
        ("Redeliveries", f"{counts.redeliveries:,}"),
        ("Lag", f"{report.lag_most:,} at most, {report.lag_end:,} in the end"),
        *([("Backlog tagged at", f"{report.per_second:,.1f}/s")] if report.per_second else []),
        ("Removed again", f"{tables.counted(report.removed, 'object')} of the run {report.run}"),
    ]


def _spread(figures: LatencyFigures) -> str:
    return ", ".join([*_latency(figures), *_named("p99", figures.p99), *_named("max", figures.most)]) or "-"


def _latency(figures: LatencyFigures) -> list[str]:
    return [*_named("p50", figures.p50), *_named("p95", figures.p95)]


def _named(name: str, seconds: float | None) -> list[str]:
    if seconds is None:
        return []
    return [f"{name} {seconds * 1000:,.0f} ms" if seconds < 10 else f"{name} {seconds:,.1f} s"]  # noqa: PLR2004
