"""The page of figures: what stands between its markers is written by a run, the rest by hand."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.suite import table
from benchmarks.suite.results import Results

BEGIN: Final = "<!-- bench: figures -->"
END: Final = "<!-- bench: end -->"
_MARKED: Final = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
PARTS: Final = {
    "growth": "Growth with backlog and store",
    "latency": "Latency from upload to tag",
}
"""What others measure, and what it is called here."""


def write(file: Path, results: Results) -> None:
    """Put the figures between the page's markers; raises `ValueError` where it has none."""
    before = file.read_text(encoding="utf-8")
    if not _MARKED.search(before):
        raise ValueError(f"{file}: no place for figures: it lacks {BEGIN} and {END}")
    figures = f"{BEGIN}\n{text(results)}\n{END}"
    file.write_text(_MARKED.sub(lambda _: figures, before), encoding="utf-8")


def text(results: Results) -> str:
    """All figures as Markdown."""
    parts = [f"Measured {table.machine_line(results)}; {_size(results)}."]
    for kind, about in results.photographs.items():
        parts.append(f"### {kind.capitalize()}\n\n{about.capitalize()}.")
        parts.append(table.markdown(table.HEADS, table.rows(results, kind)))
        parts.append(f"{table.stages_line(results, kind)}.")
    parts.append("### Who is ahead\n\n" + "\n".join(f"- {line}" for line in table.leaders(results)))
    for name, title in PARTS.items():
        found = results.parts.get(name)
        parts.append(f"### {title}\n\n" + (_foreign(found) if found else "Not measured in this run."))
    missing = [f"- {name}: {why}" for name, why in results.failed.items()] or ["- nothing that was tried"]
    parts.append("### Not measured\n\n" + "\n".join(missing))
    return "\n\n".join(parts)


def _size(results: Results) -> str:
    rounds = len(results.rounds)
    return f"{'full' if results.is_full else 'short'} run, medians of {rounds} interleaved rounds"


def _foreign(documents: Sequence[Any]) -> str:
    """A line of a table for each document, or for each of the rows that one holds."""
    rows = [_flat(row) for document in documents for row in _rows(document)]
    heads = list(dict.fromkeys(name for row in rows for name in row))
    return table.markdown(heads, [tuple(_cell(row.get(name)) for name in heads) for row in rows])


def _rows(document: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - as its own program wrote it
    rows = document.get("rows") if isinstance(document, dict) and "rows" in document else document
    return rows if isinstance(rows, list) else [rows]


def _flat(row: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{before}{name} ")
        elif value not in ([], "", None):
            found[before + name] = value
    return found


def _cell(value: Any) -> str:  # noqa: ANN401 - JSON
    if isinstance(value, float):
        return f"{value:,.3g}" if abs(value) < 10 else f"{value:,.1f}"  # noqa: PLR2004 - two digits before the point
    return "" if value is None else str(value)
