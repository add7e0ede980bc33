"""Reports as tables in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from tagstream.render.console import PrintableConsole, PrintableTable

if TYPE_CHECKING:
    from model.evaluation.headings import Heading
    from model.evaluation.report import Report
    from model.evaluation.shares import Figure, Share

FIRST: Final = 4
"""Figures of a tag in the first table: what eighty columns hold."""


def show_report(split: str, report: Report) -> None:
    """Print the figures of one split: of the tags, of the whole, then of the main tag."""
    from model.evaluation import headings

    console = PrintableConsole()
    title = f"{split}: {report.photographs} photographs, {report.negatives} of none of the labels"
    tags = headings.of_tags(report.task)
    console.print(_tags(report, tags[:FIRST], title=title))
    console.print(_tags(report, tags[FIRST:]))
    for heading, figure in headings.found(report, headings.whole(report.task)):
        console.print(f"{heading.name}: {figure}", soft_wrap=True)
    console.print(_confusion(report))
    for heading, figure in headings.found(report, headings.main(report.task, labels=len(report.labels))):
        console.print(f"{heading.name}: {figure}", soft_wrap=True)
    console.print(_intervals(report), soft_wrap=True)
    if report.speed is not None:
        console.print(f"speed: {report.speed}", soft_wrap=True)


def _tags(report: Report, shown: Sequence[Heading], *, title: str | None = None) -> PrintableTable:
    from model.evaluation import headings

    table = PrintableTable("tag", *(each.name for each in shown), title=title, title_justify="left")
    columns = [column for _, column in headings.by_label(report, shown)]
    for label in report.labels:
        table.add_row(label, *(_cell(column[label]) for column in columns))
    return table


def _cell(figure: Share | Figure) -> str:
    """The figure, and its interval below: over sources, where they are known."""
    from model.evaluation.shares import NOTHING, Figure

    if not figure.is_defined:
        return NOTHING
    if isinstance(figure, Figure):
        low, high = figure.interval
        return f"{figure.value:.3f}\n{low:.3f} to {high:.3f}"
    low, high = figure.shown_interval
    return f"{figure.value:.1%} of {figure.of}\n{100 * low:.1f} to {100 * high:.1f}"


def _confusion(report: Report) -> PrintableTable:
    """What is taken for what; where there is a main tag, its recall at the right, its precision below."""
    from model.evaluation import headings

    sides = bool(headings.main_tags(report.task))
    table = PrintableTable(headings.corner(report.task), *report.classes, *(["recall"] if sides else []))
    for name, row in zip(report.classes, report.confusion, strict=True):
        table.add_row(name, *map(str, row), *([_short(report.recall[name])] if sides else []))
    if sides:
        table.add_row("precision", *(_short(report.precision[name]) for name in report.classes), "")
    return table


def _short(share: Share) -> str:
    from model.evaluation.shares import NOTHING

    return f"{share.value:.1%}" if share.is_defined else NOTHING


def _intervals(report: Report) -> str:
    resampled = report.bootstrap
    by = f"resampling {resampled.groups} {resampled.by}s"
    return f"intervals: 95 %; of shares Wilson's{', and' if resampled.by == 'source' else '; else'} by {by}"
