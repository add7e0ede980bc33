"""The report of a shadow replay: tables in the terminal, and a page with the pictures that moved the most."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from operations.rescore_report import LabelRow, RescoreReport
from schemas.version_diff import Agreement, Mover
from tagstream.render import gallery
from tagstream.render.console import PrintableConsole, PrintableTable
from tagstream.render.gallery import Fact, GallerySection, Page, ProbabilityBar, Shot

_FLIPS_SHOWN = 12


def show(report: RescoreReport) -> None:
    """Label by label, from what to what, and what people had said."""
    console, diff = PrintableConsole(), report.diff
    console.print(lead(report), soft_wrap=True)
    console.print(_labels(report))
    if diff.flips:
        console.print(_flips(report))
    console.print(people(diff.people), soft_wrap=True)
    console.print(verdict(report), soft_wrap=True)


def lead(report: RescoreReport) -> str:
    """What was compared."""
    job, diff = report.job, report.diff
    first = f"; {diff.first:,} have their first scores by it" if diff.first else ""
    changed = diff.changed / diff.images if diff.images else 0.0
    return (
        f"{job.id}: version {job.model_version} beside what holds, on {diff.images:,} images{first}."
        f" {diff.changed:,} would have other tags ({changed:.1%})."
    )


def people(found: Agreement) -> str:
    """Whom of the two they agree with."""
    if not found.images:
        return "Nobody has corrected the tags of an image that would change."
    return (
        f"People have corrected {found.images:,} of the images that would change: {found.with_after:,} as the"
        f" new version has it, {found.with_before:,} as the old one, {found.with_neither:,} as neither. Their"
        " word holds whatever is published."
    )


def verdict(report: RescoreReport) -> str:
    """What to do next."""
    publish = f"`tagstream replay publish {report.job.id}`"
    if not report.over:
        return f"{publish} makes it hold, and tells the changes."
    labels = ", ".join(row.label for row in report.over)
    return f"{labels}: more than {report.most:.0%} flip; look, then {publish} with --accept."


def page(report: RescoreReport, pictures: Mapping[str, str]) -> str:
    """The same as HTML, with the images whose probabilities moved the most."""
    shots = tuple(_shot(each, pictures.get(each.image_id)) for each in report.diff.movers)
    note = "each with its probability before and after"
    facts = (
        Fact("images compared", f"{report.diff.images:,}"),
        Fact("would change", f"{report.diff.changed:,}"),
        *(Fact(f"{row.label} flips", f"{row.flips.value:.1%}") for row in report.rows),
        *(
            Fact(f"{row.label} added, removed", f"{row.diff.added:,}, {row.diff.removed:,}")
            for row in report.rows
        ),
    )
    made = Page(
        title=f"Replay {report.job.id}",
        lead=f"{lead(report)} {people(report.diff.people)}",
        facts=facts,
        sections=[GallerySection("The largest moves", note, shots)] if shots else [],
        warnings=(verdict(report),) if report.over else (),
    )
    return gallery.render(made)


def write(report: RescoreReport, pictures: Mapping[str, str], *, to: Path) -> None:
    """As a file."""
    to.write_text(page(report, pictures), encoding="utf-8")


def _labels(report: RescoreReport) -> PrintableTable:
    heads = ("Tag", "Kept", "Added", "Removed", "Flips", "95 %", "Mean shift", "Mean move")
    made = PrintableTable(*heads)
    for column in made.columns[1:]:
        column.justify = "right"
    for row in report.rows:
        made.add_row(*_cells(row), style="bold red" if row.is_over else None)
    return made


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


def _flips(report: RescoreReport) -> PrintableTable:
    made = PrintableTable("From", "To", "Images")
    made.columns[2].justify = "right"
    in_order = sorted(report.diff.flips.items(), key=lambda pair: (-pair[1], pair[0]))
    for pair, count in in_order[:_FLIPS_SHOWN]:
        before, _, after = pair.partition(" -> ")
        made.add_row(before, after, f"{count:,}")
    rest = sum(count for _, count in in_order[_FLIPS_SHOWN:]) + report.diff.other_flips
    if rest:
        made.add_row("others", "", f"{rest:,}")
    return made


def _shot(mover: Mover, picture: str | None) -> Shot:
    before, after = (", ".join(tags) or "none" for tags in (mover.tags_before, mover.tags_after))
    chips = (f"{before} -> {after}",) if before != after else (before,)
    bars = (
        ProbabilityBar(f"{mover.label} before", mover.before, mover.before),
        ProbabilityBar(f"{mover.label} after", mover.after, mover.before),
    )
    return Shot(mover.location.key, picture, chips, bars)
