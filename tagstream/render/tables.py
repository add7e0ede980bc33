"""Tables without borders and with them, grids of a name and its value, and counted nouns."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Literal

from rich.text import Text

from tagstream.render.console import PrintableTable


def plain(
    *columns: str, right: Collection[str] = (), whole: Collection[str] = (), gap: int = 2
) -> PrintableTable:
    """An empty table with these columns; those in `right` are aligned so, those in `whole` never broken."""
    made = PrintableTable(box=None, pad_edge=False, header_style="bold", padding=(0, gap, 0, 0))
    return _with(made, columns, right=right, whole=whole)


def bordered(*columns: str, right: Collection[str] = (), title: str | None = None) -> PrintableTable:
    """An empty table with borders and these columns, which are folded where they are too long."""
    return _with(PrintableTable(title=title, title_justify="left"), columns, right=right)


def _with(
    table: PrintableTable, columns: Iterable[str], *, right: Collection[str], whole: Collection[str] = ()
) -> PrintableTable:
    for column in columns:
        justify: Literal["left", "right"] = "right" if column in right else "left"
        table.add_column(column, justify=justify, no_wrap=column in whole, overflow="fold")
    return table


def grid(rows: Iterable[tuple[str, str | Text]], *, style: str = "bold") -> PrintableTable:
    """A row for each name and what it has."""
    made = PrintableTable.grid(padding=(0, 2))
    made.add_column(no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in rows:
        made.add_row(Text(name, style), value if isinstance(value, Text) else Text(value))
    return made


def counted(count: int, noun: str) -> str:
    """`1 time`, `2 times`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
