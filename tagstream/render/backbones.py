"""Backbones that were compared, as a table in the terminal or one document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from rich import box

from tagstream.render.console import PrintableConsole, PrintableTable

if TYPE_CHECKING:
    from model.comparison.comparison_run import Compared
    from model.comparison.row import BackboneRow

WIDTH: Final = 160
"""Columns that the table may have: a terminal of fewer wraps its lines, and no column is left out."""


def document(compared: Compared, rows: Sequence[BackboneRow], *, by: str) -> dict[str, Any]:
    """One document: how they were compared, then the rows, the best first."""
    return {
        "split": compared.split,
        "labels": list(compared.labels),
        "trained_on": compared.trained_on,
        "judged_on": compared.judged_on,
        "epochs": compared.epochs,
        "data": compared.data,
        "sorted_by": by,
        "backbones": [row.as_json() for row in rows],
    }


def show(compared: Compared, rows: Sequence[BackboneRow]) -> None:
    """The table, why those failed that did, and what the figures are of."""
    from model.comparison.page import NARROW, footnotes, narrow

    table = PrintableTable(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    table.add_column(NARROW[0], overflow="fold", max_width=34)
    for column in NARROW[1:]:
        table.add_column(column, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*narrow(row))
    console = PrintableConsole()
    PrintableConsole(width=max(console.width, WIDTH)).print(table)
    for row in compared.failed:
        console.print(f"{row.backbone} failed: {row.error}", soft_wrap=True)
    for note in footnotes(compared, rows):
        console.print(note)
