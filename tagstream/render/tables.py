"""Tables without borders, and grids of a name and its value."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from rich.table import Table
from rich.text import Text


def plain(*columns: str, right: Collection[str] = (), whole: Collection[str] = (), gap: int = 2) -> Table:
    """An empty table with these columns; those in `right` are aligned so, those in `whole` never broken."""
    made = Table(box=None, pad_edge=False, header_style="bold", padding=(0, gap, 0, 0))
    for column in columns:
        made.add_column(
            column,
            justify="right" if column in right else "left",
            no_wrap=column in whole,
            overflow="fold",
        )
    return made


def grid(rows: Iterable[tuple[str, str | Text]], *, style: str = "bold") -> Table:
    """A row for each name and what it has."""
    made = Table.grid(padding=(0, 2))
    made.add_column(no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in rows:
        made.add_row(Text(name, style), value if isinstance(value, Text) else Text(value))
    return made
