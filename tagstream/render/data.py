"""Counts of photographs as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from model.data.document import Counts, Document, Imbalance
from model.data.photograph import Split
from tagstream.render import tables
from tagstream.render.console import PrintableTable

MOST_SOURCES = 12
MOST_REFUSALS = 10


def counts(
    labels: Sequence[str], splits: Mapping[Split, Counts], sources: Mapping[str, Counts]
) -> RenderableType:
    """A row for each label and a column for each split; below it the largest sources."""
    parts: list[RenderableType] = [_splits(labels, splits)]
    if any(sources):
        parts += [Text(), _sources(labels, sources)]
    return Group(*parts)


def uneven(imbalance: Imbalance) -> str:
    """The imbalance in a line."""
    return (
        f"imbalance: {imbalance.ratio:g} photographs of {imbalance.most!r} for one of {imbalance.fewest!r};"
        f" {imbalance.handled}"
    )


def account(about: Document) -> RenderableType:
    """What a snapshot holds, what was left out of it, and what to be careful of."""
    parts: list[RenderableType] = [
        counts(about.labels, about.splits, about.sources),
        Text(),
        Text(uneven(about.imbalance)),
        Text(_near(about)),
    ]
    if about.refused.counts:
        causes = ", ".join(f"{count} {cause}" for cause, count in about.refused.counts.items())
        parts += [Text(f"left out: {causes}"), _refused(about)]
    parts += [Text(f"under several labels: {line}") for line in about.merged[:MOST_REFUSALS]]
    parts += [Text(f"mind: {line}", "yellow") for line in about.warnings]
    return Group(*parts)


def _splits(labels: Sequence[str], splits: Mapping[Split, Counts]) -> PrintableTable:
    doubted = any(each.maybe for each in splits.values())
    counted = [*(split or "undivided" for split in splits), "all", *(["maybe"] if doubted else [])]
    made = tables.plain("Label", *counted, right=set(counted), gap=3)
    for label in labels:
        row = [each.labels.get(label, 0) for each in splits.values()]
        maybe = [sum(each.maybe.get(label, 0) for each in splits.values())] if doubted else []
        made.add_row(Text(label), *(f"{count:,}" for count in (*row, sum(row), *maybe)))
    for name, row in (
        ("none of them", [each.negatives for each in splits.values()]),
        ("photographs", [each.pictures for each in splits.values()]),
    ):
        made.add_row(Text(name, "dim"), *(Text(f"{count:,}", "dim") for count in (*row, sum(row))))
    return made


def _sources(labels: Sequence[str], sources: Mapping[str, Counts]) -> PrintableTable:
    made = tables.plain("Source", "photographs", "labels", "splits", right={"photographs"}, gap=3)
    largest = sorted(sources, key=lambda source: (-sources[source].pictures, source))
    for source in largest[:MOST_SOURCES]:
        each = sources[source]
        named = ", ".join(f"{label} {each.labels[label]:,}" for label in labels if label in each.labels)
        sides = ", ".join(f"{split or 'undivided'} {count:,}" for split, count in each.splits.items())
        made.add_row(Text(source or "(not said)"), f"{each.pictures:,}", Text(named), sides)
    if len(largest) > MOST_SOURCES:
        rest = sum(sources[source].pictures for source in largest[MOST_SOURCES:])
        made.add_row(Text(f"{len(largest) - MOST_SOURCES} more", "dim"), f"{rest:,}", "", "")
    return made


def _near(about: Document) -> str:
    near = about.near_duplicates
    pictures = sum(len(group) for group in near.groups)
    line = f"near duplicates: {len(near.groups)} groups of {pictures} photographs ({near.measure})"
    if near.across:
        line += f"; {near.across} groups stood on two sides, {len(near.moved)} photographs moved to train"
    return line


def _refused(about: Document) -> PrintableTable:
    made = PrintableTable.grid(padding=(0, 2))
    every = about.refused.every
    for each in every[:MOST_REFUSALS]:
        made.add_row(Text(f"  {each.place}"), Text(each.cause, "dim"), Text(each.why, "dim"))
    if len(every) > MOST_REFUSALS:
        made.add_row(Text(f"  and {len(every) - MOST_REFUSALS} more, in snapshot.json", "dim"), "", "")
    return made
