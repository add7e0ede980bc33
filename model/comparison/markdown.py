"""The comparison as a Markdown table, for other people's pages."""

from __future__ import annotations

from collections.abc import Sequence

from model.comparison.cells import COLUMNS, cells, footnotes
from model.comparison.row import BackboneRow
from model.comparison.run import Compared


def render(compared: Compared, rows: Sequence[BackboneRow]) -> str:
    """The table, and below it how it was made."""
    lines = [_line(COLUMNS), _line(["---", "---", *["---:"] * (len(COLUMNS) - 2)])]
    lines += [_line(cells(row)) for row in rows]
    notes = "\n".join(f"- {note}" for note in footnotes(compared, rows))
    return "\n".join(lines) + f"\n\n{notes}\n"


def _line(each: Sequence[str]) -> str:
    escaped = (cell.replace("|", r"\|") for cell in each)
    return f"| {' | '.join(escaped)} |"
