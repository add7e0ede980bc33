"""Tables and a page of what two versions disagree on: labels, flips, and the images that moved the most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from operations.label_rows import LabelRow
from schemas.version_diff import Mover, VersionDiff
from tagstream.render import gallery
from tagstream.render.console import PrintableTable
from tagstream.render.gallery import Fact, GallerySection, Page, ProbabilityBar, Shot

_FLIPS_SHOWN = 12


def labels(rows: Sequence[LabelRow]) -> PrintableTable:
    """Kept, added, removed, and by how much the probability moved."""
    heads = ("Tag", "Kept", "Added", "Removed", "Flips", "95 %", "Mean shift", "Mean move")
    made = PrintableTable(*heads)
    for column in made.columns[1:]:
        column.justify = "right"
    for row in rows:
        made.add_row(*_cells(row), style="bold red" if row.is_over else None)
    return made


def flips(diff: VersionDiff) -> PrintableTable:
    """From which tags to which."""
    made = PrintableTable("From", "To", "Images")
    made.columns[2].justify = "right"
    in_order = sorted(diff.flips.items(), key=lambda pair: (-pair[1], pair[0]))
    for pair, count in in_order[:_FLIPS_SHOWN]:
        before, _, after = pair.partition(" -> ")
        made.add_row(before, after, f"{count:,}")
    rest = sum(count for _, count in in_order[_FLIPS_SHOWN:]) + diff.other_flips
    if rest:
        made.add_row("others", "", f"{rest:,}")
    return made


def page(  # noqa: PLR0913 - the parts of a page
    diff: VersionDiff,
    rows: Sequence[LabelRow],
    pictures: Mapping[str, str],
    *,
    title: str,
    lead: str,
    warnings: Sequence[str],
) -> str:
    """The same as HTML, with the images whose probabilities moved the most."""
    shots = tuple(_shot(each, pictures.get(each.image_id)) for each in diff.movers)
    note = "each with its probability before and after"
    facts = (
        Fact("images compared", f"{diff.images:,}"),
        Fact("would change", f"{diff.changed:,}"),
        *(Fact(f"{row.label} flips", f"{row.flips.value:.1%}") for row in rows),
        *(Fact(f"{row.label} added, removed", f"{row.diff.added:,}, {row.diff.removed:,}") for row in rows),
    )
    sections = [GallerySection("The largest moves", note, shots)] if shots else []
    return gallery.render(
        Page(title=title, lead=lead, facts=facts, sections=sections, warnings=tuple(warnings))
    )


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
    chips = (f"{before} -> {after}",) if before != after else (before,)
    bars = (
        ProbabilityBar(f"{mover.label} before", mover.before, mover.before),
        ProbabilityBar(f"{mover.label} after", mover.after, mover.before),
    )
    return Shot(mover.location.key, picture, chips, bars)
