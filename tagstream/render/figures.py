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
    from model.evaluation.differences import Difference, Paired
    from model.evaluation.evaluation_run import EvaluationResult, Versus
    from model.evaluation.report import Report
    from model.evaluation.speed import Speed

WIDTH: Final = 160
"""Columns that the table may have: a terminal of fewer wraps its lines, and no column is left out."""


def show_report(split: str, report: Report) -> None:
    """Print the figures of one split."""
    console = PrintableConsole()
    console.print(_per_label(split, report))
    console.print(_confusion(report))
    for line in _overall(report):
        console.print(line, soft_wrap=True)
    if report.speed is not None:
        console.print(_speed(report.speed), soft_wrap=True)


def show_gap(outcome: EvaluationResult) -> None:
    """Print how much better the version is on the split that it is held against."""
    if outcome.gap is None:
        return
    title = f"A: {outcome.split}, B: {outcome.against}; a gap that favours what it learned from is by heart"
    PrintableConsole().print(_differences(title, outcome.gap))


def show_versus(versus: Versus) -> None:
    """Print one version beside another."""
    a, b = (f"{each.name} {each.version}" for each in versus.manifests)
    comparison, race = versus.comparison, versus.benchmark
    PrintableConsole().print(_differences(f"{versus.split}: A is {a}, B is {b}", comparison.figures))
    PrintableConsole().print(_labels_differ(versus))
    _say(f"top label right: {_pair(comparison.top)}")
    _say(f"all tags right, none too many: {_pair(comparison.all_tags)}")
    paces = f"A {race.medians[0]:.0f}, B {race.medians[1]:.0f} images/s in batches of {race.batch}"
    low, high = min(race.ratios), max(race.ratios)
    _say(
        f"speed on {race.device}: {paces}; B/A {race.ratio:.2f} ({low:.2f} to {high:.2f}), measured in turns"
    )


def _per_label(split: str, report: Report) -> PrintableTable:
    names = ("label", "precision (top)", "recall (top)", "precision (tag)", "recall (tag)", "F1", "AP")
    table = PrintableTable(*names, title=f"{split}: top label right {report.top_accuracy}")
    for label in report.labels:
        columns = (report.precision, report.recall, report.tag_precision, report.tag_recall)
        shares = [f"{column[label].value:.1%}" for column in columns]
        values = (report.f1[label].value, report.average_precision[label].value)
        table.add_row(label, *shares, *(f"{value:.3f}" for value in values))
    return table


def _confusion(report: Report) -> PrintableTable:
    table = PrintableTable("main label \\ top label", *report.classes)
    for name, row in zip(report.classes, report.confusion, strict=True):
        table.add_row(name, *map(str, row))
    return table


def _overall(report: Report) -> tuple[str, ...]:
    resampled = report.bootstrap
    return (
        f"several tags, all found: {report.mixed_all_found}",
        f"one tag, and tagged with another: {report.singles_with_extra}",
        f"none of the labels, tagged all the same: {report.negatives_acted_on}",
        f"top label right, of the 90 % most confident: {report.coverage_90}",
        f"F1 by photographs: {report.f1_samples}",
        f"mean average precision: {report.mean_average_precision}",
        f"calibration error: {report.tags.error} of every label, {report.tops.error} of the top label",
        f"intervals: 95 %; Wilson's of shares, else by resampling {resampled.groups} {resampled.by}s",
    )


def _speed(speed: Speed) -> str:
    return (
        f"speed on {speed.device}, {speed.threads} threads: {speed.images_per_second:.0f} images/s "
        f"in batches of {speed.batch} ({speed.cpu_ms:.1f} ms of processor an image), one alone "
        f"{speed.latency_ms:.1f} ms; decoding {speed.decode_ms:.1f} ms"
    )


def _differences(title: str, figures: Mapping[str, Difference]) -> PrintableTable:
    table = PrintableTable("figure", "A", "B", "B less A", "95 % interval", title=title)
    for name, each in figures.items():
        if not each.is_defined:
            continue
        low, high = each.interval
        numbers = (f"{each.a:.3f}", f"{each.b:.3f}", f"{each.value:+.3f}", f"{low:+.3f} to {high:+.3f}")
        table.add_row(name.replace("_", " "), *numbers, style="bold" if each.is_clear else None)
    return table


def _labels_differ(versus: Versus) -> PrintableTable:
    table = PrintableTable(
        "label", "recall", "precision", "F1", "AP", "tag right in A alone", "in B alone", "p"
    )
    for label, each in versus.comparison.per_label.items():
        values = (each.recall, each.precision, each.f1, each.average_precision)
        pair = (str(each.tag.only_a), str(each.tag.only_b), f"{each.tag.p:.3g}")
        table.add_row(label, *(f"{value.value:+.3f}" if value.is_defined else "-" for value in values), *pair)
    return table


def _pair(paired: Paired) -> str:
    return (
        f"A alone {paired.only_a}, B alone {paired.only_b}, of {paired.of}; "
        f"McNemar p = {paired.p:.3g}, B less A {paired.difference:+.1%}"
    )


def _say(line: str) -> None:
    PrintableConsole().print(line, soft_wrap=True)


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
