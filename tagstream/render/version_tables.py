"""Tables and a page of what two versions disagree on: labels, flips, and the images that moved the most."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from operations.label_rows import LabelRow
from schemas.version_diff import Mover, VersionDiff
from tagstream.render import gallery
from tagstream.render.console import PrintableTable
from tagstream.render.gallery import Fact, GallerySection, Page, PageTable, ProbabilityBar, Shot

_FLIPS_SHOWN = 12
_LABEL_HEADS = ("Tag", "Kept", "Added", "Removed", "Flips", "95 %", "Mean shift", "Mean move")
_FLIP_HEADS = ("From", "To", "Images")


def labels(rows: Sequence[LabelRow]) -> PrintableTable:
    """Kept, added, removed, and by how much the probability moved."""
    made = PrintableTable(*_LABEL_HEADS)
    for column in made.columns[1:]:
        column.justify = "right"
    for row in rows:
        made.add_row(*_cells(row), style="bold red" if row.is_over else None)
    return made


def flips(diff: VersionDiff) -> PrintableTable:
    """From which tags to which."""
    made = PrintableTable(*_FLIP_HEADS)
    made.columns[2].justify = "right"
    for row in _flips(diff):
        made.add_row(*row)
    return made


def _flips(diff: VersionDiff) -> Iterator[tuple[str, str, str]]:
    """The most frequent first, and then all others together."""
    in_order = sorted(diff.flips.items(), key=lambda pair: (-pair[1], pair[0]))
    for pair, count in in_order[:_FLIPS_SHOWN]:
        before, _, after = pair.partition(" -> ")
        yield before, after, f"{count:,}"
    if rest := sum(count for _, count in in_order[_FLIPS_SHOWN:]) + diff.other_flips:
        yield "others", "", f"{rest:,}"


def page(  # noqa: PLR0913 - the parts of a page
    diff: VersionDiff,
    rows: Sequence[LabelRow],
    pictures: Mapping[str, str],
    *,
    title: str,
    lead: str,
    warnings: Sequence[str],
    more: Sequence[PageTable] = (),
) -> str:
    """The same as HTML, with the images whose probabilities moved the most; `more` stands behind the tags."""
    shots = tuple(_shot(each, pictures.get(each.image_id)) for each in diff.movers)
    note = "each with its probability before and after"
    facts = (
        Fact("images compared", f"{diff.images:,}"),
        Fact("would change", f"{diff.changed:,}"),
        *(Fact(f"{row.label} flips", f"{row.flips.value:.1%}") for row in rows),
    )
    sections = [GallerySection("The largest moves", note, shots)] if shots else []
    tables = (*_page_tables(diff, rows), *more)
    warned = tuple(warnings)
    return gallery.render(
        Page(title=title, lead=lead, facts=facts, sections=sections, warnings=warned, tables=tables)
    )


def _page_tables(diff: VersionDiff, rows: Sequence[LabelRow]) -> Iterator[PageTable]:
    if rows:
        over = frozenset(number for number, row in enumerate(rows) if row.is_over)
        yield PageTable("Tag by tag", _LABEL_HEADS, tuple(_cells(row) for row in rows), over)
    if diff.flips:
        yield PageTable("From what to what", _FLIP_HEADS, tuple(_flips(diff)))


def _cells(row: LabelRow) -> tuple[str, ...]:
    low, high = row.flips.interval
    counts = (row.diff.kept, row.diff.added, row.diff.removed)
    return (
        row.label,
        *(f"{count:,}" for count in counts),
        f"{row.flips.value:.2%}",
        f"{low:.2%} - {high:.2%}",
        f"{row.shift:+.4f}",
        f"{row.distance:.4f}",
    )


def _shot(mover: Mover, picture: str | None) -> Shot:
    before, after = (", ".join(tags) or "none" for tags in (mover.tags_before, mover.tags_after))
    tags = f"{before} -> {after}" if before != after else before
    bars = (
        ProbabilityBar("before", mover.before, mover.before, "before"),
        ProbabilityBar("after", mover.after, mover.before, "before"),
    )
    moved = f"{mover.label} {mover.after - mover.before:+.2f}"
    return Shot(mover.location.key, picture, (tags, moved), bars)
