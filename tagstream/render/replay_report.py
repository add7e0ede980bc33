"""The report of a shadow replay: tables in the terminal, and a page with the pictures that moved the most."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from operations.rescore_report import RescoreReport
from schemas.version_diff import Agreement
from tagstream.render import version_tables
from tagstream.render.console import PrintableConsole


def show(report: RescoreReport) -> None:
    """Label by label, from what to what, and what people had said."""
    console, diff = PrintableConsole(), report.diff
    console.print(lead(report), soft_wrap=True)
    console.print(version_tables.labels(report.rows))
    if diff.flips:
        console.print(version_tables.flips(diff))
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
    warnings = (verdict(report),) if report.over else ()
    said = f"{lead(report)} {people(report.diff.people)}"
    title = f"Replay {report.job.id}"
    return version_tables.page(report.diff, report.rows, pictures, title=title, lead=said, warnings=warnings)


def write(report: RescoreReport, pictures: Mapping[str, str], *, to: Path) -> None:
    """As a file."""
    to.write_text(page(report, pictures), encoding="utf-8")
