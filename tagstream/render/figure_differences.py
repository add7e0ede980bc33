"""Gaps and comparisons as tables in the terminal: each figure of two, and their difference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from tagstream.render.console import PrintableConsole, PrintableTable

if TYPE_CHECKING:
    from model.evaluation.comparison import Comparison
    from model.evaluation.differences import Difference, Paired
    from model.evaluation.evaluation_run import EvaluationResult, Versus
    from model.evaluation.headings import Heading


def show_gap(outcome: EvaluationResult) -> None:
    """Print how much better the version is on the split that it is held against."""
    if outcome.gap is None:
        return
    from model.evaluation import headings

    title = f"A: {outcome.split}, B: {outcome.against}; a gap that favours what it learned from is by heart"
    shown = headings.all_of(outcome.report.task, labels=len(outcome.report.labels))
    PrintableConsole().print(_whole(title, outcome.gap, shown))


def show_versus(versus: Versus) -> None:
    """Print one version beside another: the report's figures in its order, and their differences."""
    from model.evaluation import headings
    from model.evaluation.evaluation_run import said_split

    comparison, task = versus.comparison, versus.reports[0].task
    a, b = (f"{each.name} {each.version}" for each in versus.manifests)
    split = said_split(versus.split, undivided=versus.undivided)
    console = PrintableConsole()
    console.print(_by_label(f"{split}: A is {a}, B is {b}", comparison, headings.of_tags(task)))
    console.print(_whole("tags", comparison.figures, headings.whole(task)))
    if main := headings.main(task, labels=len(comparison.labels)):
        console.print(_whole("main tag", comparison.figures, main))
        console.print(_by_label("main tag, by label", comparison, headings.main_tags(task)))
    for line in _pairs(comparison, with_main=bool(main)):
        console.print(line, soft_wrap=True)
    console.print(f"speed: {versus.benchmark}", soft_wrap=True)


def _whole(title: str, figures: Mapping[str, Difference], shown: Sequence[Heading]) -> PrintableTable:
    table = PrintableTable("figure", "A", "B", "B less A", "95 % interval", title=title, title_justify="left")
    for heading in shown:
        each = figures[heading.key]
        table.add_row(heading.name, *_numbers(each), style="bold" if each.is_clear else None)
    return table


def _by_label(title: str, comparison: Comparison, shown: Sequence[Heading]) -> PrintableTable:
    columns = ("label", "figure", "A", "B", "B less A", "95 % interval")
    table = PrintableTable(*columns, title=title, title_justify="left")
    for label, differences in comparison.per_label.items():
        for heading in shown:
            each = differences.of(heading.key)
            table.add_row(
                label if heading is shown[0] else "",
                heading.name,
                *_numbers(each),
                style="bold" if each.is_clear else None,
                end_section=heading is shown[-1],
            )
    return table


def _numbers(difference: Difference) -> tuple[str, ...]:
    from model.evaluation.shares import NOTHING

    if not difference.is_defined:
        return (NOTHING,) * 4
    low, high = difference.interval
    values = (f"{difference.a:.3f}", f"{difference.b:.3f}", f"{difference.value:+.3f}")
    return (*values, f"{low:+.3f} to {high:+.3f}")


def _pairs(comparison: Comparison, *, with_main: bool) -> Iterator[str]:
    """Who is right where the other is not."""
    for label, each in comparison.per_label.items():
        yield f"{label} right, there or not: {_pair(each.tag)}"
    yield f"all tags right, none too many: {_pair(comparison.all_tags)}"
    if with_main:
        yield f"top label right: {_pair(comparison.top)}"


def _pair(paired: Paired) -> str:
    return (
        f"A alone {paired.only_a}, B alone {paired.only_b}, of {paired.of}; "
        f"McNemar p = {paired.p:.3g}, B less A {paired.difference:+.1%}"
    )
