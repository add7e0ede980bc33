"""Reports, gaps and comparisons as tables in the terminal."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich import box

from schemas.errors import ConfigurationError
from tagstream.render.console import PrintableConsole, PrintableTable

if TYPE_CHECKING:
    from model.comparison.comparison_run import Compared
    from model.comparison.row import BackboneRow
    from model.data.dataset import Dataset
    from model.evaluation.differences import Difference, Paired
    from model.evaluation.evaluation_run import EvaluationResult, Versus
    from model.evaluation.headings import Heading
    from model.evaluation.predictions import Predictions
    from model.evaluation.report import Report
    from model.evaluation.shares import Figure, Share

WIDTH: Final = 160
"""Columns that the table may have: a terminal of fewer wraps its lines, and no column is left out."""

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


def show_gap(outcome: EvaluationResult) -> None:
    """Print how much better the version is on the split that it is held against."""
    if outcome.gap is None:
        return
    from model.evaluation import headings

    title = f"A: {outcome.split}, B: {outcome.against}; a gap that favours what it learned from is by heart"
    shown = headings.all_of(outcome.report.task, labels=len(outcome.report.labels))
    figures = {each.name: outcome.gap[each.key] for each in shown}
    PrintableConsole().print(_differences(title, figures))


def show_versus(versus: Versus) -> None:
    """Print one version beside another: the report's figures in its order, and their differences."""
    from model.evaluation import headings
    from model.evaluation.evaluation_run import said_split

    a, b = (f"{each.name} {each.version}" for each in versus.manifests)
    comparison, task = versus.comparison, versus.reports[0].task
    console = PrintableConsole()
    split = said_split(versus.split, undivided=versus.undivided)
    console.print(_tags_differ(f"{split}: A is {a}, B is {b}", versus))
    figures = {each.name: comparison.figures[each.key] for each in headings.whole(task)}
    console.print(_differences("tags", figures))
    if main := headings.main(task, labels=len(comparison.labels)):
        figures = {each.name: comparison.figures[each.key] for each in main}
        console.print(_differences("main tag", figures))
        _say(f"top label right: {_pair(comparison.top)}")
    for label, each in comparison.per_label.items():
        _say(f"{label} right, there or not: {_pair(each.tag)}")
    _say(f"all tags right, none too many: {_pair(comparison.all_tags)}")
    _say(f"speed: {versus.benchmark}")


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
    low, high = figure.resampled or figure.interval
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
    return f"intervals: 95 %; by {by}, " + (
        "in lines of shares Wilson's" if resampled.by == "source" else "of shares Wilson's"
    )


def _differences(title: str, figures: Mapping[str, Difference]) -> PrintableTable:
    table = PrintableTable("figure", "A", "B", "B less A", "95 % interval", title=title, title_justify="left")
    for name, each in figures.items():
        table.add_row(name, *_numbers(each), style="bold" if each.is_clear else None)
    return table


def _tags_differ(title: str, versus: Versus) -> PrintableTable:
    from model.evaluation import headings

    columns = ("tag", "figure", "A", "B", "B less A", "95 % interval")
    table = PrintableTable(*columns, title=title, title_justify="left")
    task = versus.reports[0].task
    shown = [*headings.of_tags(task), *headings.main_tags(task)]
    for label, each in versus.comparison.per_label.items():
        for heading in shown:
            difference = each.of(heading.key)
            name = label if heading is shown[0] else ""
            style = "bold" if difference.is_clear else None
            table.add_row(
                name, heading.name, *_numbers(difference), style=style, end_section=heading is shown[-1]
            )
    return table


def _numbers(difference: Difference) -> tuple[str, ...]:
    from model.evaluation.shares import NOTHING

    if not difference.is_defined:
        return (NOTHING,) * 4
    low, high = difference.interval
    values = (f"{difference.a:.3f}", f"{difference.b:.3f}", f"{difference.value:+.3f}")
    return (*values, f"{low:+.3f} to {high:+.3f}")


def _pair(paired: Paired) -> str:
    return (
        f"A alone {paired.only_a}, B alone {paired.only_b}, of {paired.of}; "
        f"McNemar p = {paired.p:.3g}, B less A {paired.difference:+.1%}"
    )


def _say(line: str) -> None:
    PrintableConsole().print(line, soft_wrap=True)


def say_exported(count: int, folder: Path) -> None:
    """What was written, and what to do with it, on standard error."""
    from model.evaluation.mistake_export import TABLE

    table = folder / TABLE
    line = f"{count} photographs with a wrong tag are in {folder}"
    what = (
        f"; correct yes and maybe in {table}, then: tagstream data import {table} --output DIR"
        if count
        else ""
    )
    PrintableConsole(stderr=True).print(line + what, soft_wrap=True)


def say_refused(data: Dataset) -> None:
    """What lay there and could not be taken, on standard error."""
    for each in data.refused:
        PrintableConsole(stderr=True).print(f"left out {each.place}: {each.why}", soft_wrap=True)


def say_undivided(data: Path, predictions: Predictions) -> None:
    """That nothing was left out, on standard error."""
    line = f"{data} has no splits: all of it was judged, {len(predictions)} photographs"
    PrintableConsole(stderr=True).print(line, soft_wrap=True)


def document(compared: Compared, rows: Sequence[BackboneRow], *, by: str) -> dict[str, Any]:
    """One document: how they were compared, then the rows, the best first."""
    return {
        "split": compared.split,
        "labels": list(compared.labels),
        "trained_on": compared.trained_on,
        "judged_on": compared.judged_on,
        "epochs": compared.epochs,
        "data": compared.data,
        "sorted_by": by,
        "backbones": [row.as_json() for row in rows],
    }


def show(compared: Compared, rows: Sequence[BackboneRow]) -> None:
    """The table, why those failed that did, and what the figures are of."""
    from model.comparison.page import NARROW, footnotes, narrow

    table = PrintableTable(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    table.add_column(NARROW[0], overflow="fold", max_width=34)
    for column in NARROW[1:]:
        table.add_column(column, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*narrow(row))
    console = PrintableConsole()
    PrintableConsole(width=max(console.width, WIDTH)).print(table)
    for row in compared.failed:
        console.print(f"{row.backbone} failed: {row.error}", soft_wrap=True)
    for note in footnotes(compared, rows):
        console.print(note)


def refuse_unwritable(file: Path | None) -> None:
    """Raises `ConfigurationError` before long work whose page could not be kept."""
    if file is None:
        return
    if file.is_dir():
        raise ConfigurationError(f"{file}: a folder; name the file, as in report.html")
    if not os.access(file.parent, os.W_OK):
        raise ConfigurationError(f"{file.parent}: there is no such folder, or nothing can be written to it")


def refuse_taken(folder: Path | None) -> None:
    """Raises `ConfigurationError` before long work whose photographs could not be kept."""
    from model.evaluation import mistake_export

    if folder is not None:
        mistake_export.refuse_taken(folder)
