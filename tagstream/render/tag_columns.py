"""A column for each label, in every table that shows tags."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from schemas.tags import Tag


def table(first: str, labels: Sequence[str], *, last: str) -> Table:
    """An empty table: a column, one for each label, and a last column."""
    made = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    made.add_column(first, overflow="fold")
    for label in labels:
        made.add_column(label, justify="right", no_wrap=True)
    made.add_column(last, overflow="fold")
    return made


def cells(tags: Sequence[Tag], labels: Sequence[str]) -> list[Text]:
    """The probability of each of `labels`: bright where the tag holds."""
    by_label = {tag.label: tag for tag in tags}
    return [_cell(by_label[label]) if label in by_label else Text("") for label in labels]


def _cell(tag: Tag) -> Text:
    return Text(f"{tag.probability:.2f}", "bold green" if tag.tagged else "dim")
