"""The table in the terminal, and the same as a page of Markdown has it."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from benchmarks.suite.results import PRODUCT, Figures, Results

HEADS = (
    "Program",
    "CPU ms an image",
    "least - most",
    "x limit",
    "x Tagstream",
    "images/s",
    "start, s",
    "MiB",
    "servers, CPU ms",
)

Row = tuple[str, ...]


def show(results: Results) -> None:
    """Everything that was measured, to standard output."""
    console = Console(width=None if sys.stdout.isatty() else 160)
    for kind, about in results.photographs.items():
        _say(console, f"\n{kind}: {about}")
        table = Table(*HEADS, box=None)
        for row in rows(results, kind):
            table.add_row(*row)
        console.print(table)
        _say(console, stages_line(results, kind))
    for line in leaders(results):
        _say(console, line)
    for name, why in results.failed.items():
        _say(console, f"Not measured: {name}: {why}")
    _say(console, machine_line(results))


def rows(results: Results, kind: str) -> list[Row]:
    """The limit, then every program of one kind of photographs, the cheapest first."""
    limit = next((each for each in results.limits if each.kind == kind), None)
    found: list[Row] = []
    if limit:
        parts = f"decode {limit.decode_ms:.1f} + forward {limit.forward_ms:.1f}"
        found.append((f"the limit ({parts})", f"{limit.total_ms:.1f}", "", "1.00", *[""] * 5))
        in_torch = limit.decode_ms + limit.torch_ms
        found.append(
            (
                f"with eager torch (forward {limit.torch_ms:.1f})",
                f"{in_torch:.1f}",
                "",
                f"{in_torch / limit.total_ms:.2f}",
                *[""] * 5,
            )
        )
    total = limit.total_ms if limit else None
    figures = sorted(_of(results, kind), key=lambda each: each.cpu_ms)
    return [*found, *(_row(each, total) for each in figures)]


def stages_line(results: Results, kind: str) -> str:
    """Where a photograph's time goes in the product's worker."""
    own, started = results.processes(kind)
    stages = ", ".join(f"{name} {spent:,.1f}" for name, spent in results.stages(kind).items())
    return (
        f"{PRODUCT}, CPU ms: its own process {own:.1f} (resident {results.resident(kind):,.0f} MiB), "
        f"decoders {started:.1f}."
        f" By stage, ms an image with waits: {stages or 'not measured'}"
    )


def leaders(results: Results) -> list[str]:
    """Who is ahead in what, whoever it is."""
    found = []
    for kind in results.photographs:
        figures = _of(results, kind)
        if not figures:
            continue
        best = (
            ("CPU", min(figures, key=lambda each: each.cpu_ms)),
            ("images a second", max(figures, key=lambda each: each.rate)),
            ("start", min(figures, key=lambda each: each.start_seconds)),
            ("memory", min(figures, key=lambda each: each.memory_mib)),
        )
        found.append(f"Ahead with {kind}: " + ", ".join(f"{what} {who.program}" for what, who in best))
    return found


def machine_line(results: Results) -> str:
    """Where and when."""
    return f"{results.taken}, commit {results.commit}: {results.machine.about}"


def markdown(heads: Sequence[str], rows_: Sequence[Row]) -> str:
    """A table of Markdown."""
    lines = [heads, ["---"] + ["---:"] * (len(heads) - 1), *rows_]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _say(console: Console, line: str) -> None:
    """Folded between words in a terminal; one line each in a file."""
    console.print(line, highlight=False, markup=False, soft_wrap=not console.is_terminal)


def _of(results: Results, kind: str) -> list[Figures]:
    return [each for each in results.figures() if each.kind == kind]


def _row(each: Figures, limit: float | None) -> Row:
    return (
        each.program,
        f"{each.cpu_ms:.1f}",
        f"{each.least_cpu_ms:.1f} - {each.most_cpu_ms:.1f}",
        f"{each.cpu_ms / limit:.2f}" if limit else "",
        f"{each.times_product:.2f}" if each.times_product else "",
        f"{each.rate:.1f}",
        f"{each.start_seconds:.1f}",
        f"{each.memory_mib:,.0f}",
        f"{each.servers_ms:.1f}",
    )
