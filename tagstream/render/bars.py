"""A bar for each probability, with the threshold marked on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.table import Table
from rich.text import Text

from schemas.tags import Tag

WIDTH: Final = 30


def table(tags: Sequence[Tag]) -> Table:
    """A row for each tag: label, bar, probability, and the threshold that it was held against."""
    made = Table.grid(padding=(0, 2))
    for tag in tags:
        style = "bold green" if tag.tagged else "dim"
        says = "a person says so" if tag.source == "person" else f"threshold {tag.threshold:.2f}"
        made.add_row(
            Text(tag.label, style), bar(tag), Text(f"{tag.probability:.3f}", style), Text(says, "dim")
        )
    return made


def bar(tag: Tag) -> Text:
    """The probability as a bar of `WIDTH` cells; a stroke stands where the threshold is."""
    full = round(tag.probability * WIDTH)
    mark = min(WIDTH - 1, int(tag.threshold * WIDTH))
    cells = "".join("│" if cell == mark else "█" if cell < full else "·" for cell in range(WIDTH))
    return Text(cells, "green" if tag.tagged else "dim")
