"""Tags of an image: a bar for each with its threshold, or a column for each label of a table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from rich.text import Text

from schemas.tags import REFUSES, Tag
from tagstream.render import tables
from tagstream.render.console import PrintableTable

WIDTH: Final = 30


def bars(tags: Sequence[Tag]) -> PrintableTable:
    """A row for each tag: label, bar, probability, and the threshold that it was held against."""
    made = PrintableTable.grid(padding=(0, 2))
    for tag in tags:
        style = "bold green" if tag.tagged else "dim"
        says = "a person says so" if tag.source == "person" else f"threshold {tag.threshold:.2f}"
        made.add_row(
            Text(tag.label, style), bar(tag), Text(f"{tag.probability:.3f}", style), Text(says, "dim")
        )
    return made


def what_decided(rules: Iterable[str]) -> str | None:
    """Why a threshold beside a tag may be higher than the label's own; None where it is that."""
    refusal = next((rule for rule in rules if REFUSES in rule), None)
    if refusal is None:
        return None
    least = refusal.partition(",")[0]
    return (
        f"{least.capitalize()}: this model then takes a picture for none of its labels, whatever a label's"
        " own threshold is (`tagstream routes show` has those)"
    )


def bar(tag: Tag) -> Text:
    """The probability as a bar of `WIDTH` cells; a stroke stands where the threshold is."""
    full = round(tag.probability * WIDTH)
    mark = min(WIDTH - 1, int(tag.threshold * WIDTH))
    cells = "".join("│" if cell == mark else "█" if cell < full else "·" for cell in range(WIDTH))
    return Text(cells, "green" if tag.tagged else "dim")


def columns(first: str, labels: Sequence[str], *, last: str) -> PrintableTable:
    """An empty table: a column, one for each label, and a last column."""
    return tables.plain(first, *labels, last, right=set(labels), whole=set(labels))


def cells(tags: Sequence[Tag], labels: Sequence[str]) -> list[Text]:
    """The probability of each of `labels`: bright where the tag holds."""
    by_label = {tag.label: tag for tag in tags}
    return [_cell(by_label[label]) if label in by_label else Text("") for label in labels]


def _cell(tag: Tag) -> Text:
    return Text(f"{tag.probability:.2f}", "bold green" if tag.tagged else "dim")
