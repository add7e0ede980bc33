"""A report as a table in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from model.evaluation.report import Report


def show_report(split: str, report: Report) -> None:
    """Print the figures of one split."""
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table(title=f"{split}: top label right {report.top_accuracy}")
    for column in ("label", "precision (top)", "recall (top)", "recall (tagged)", *report.labels):
        table.add_column(column)
    for label, row in zip(report.labels, report.confusion, strict=True):
        shares = (report.precision[label], report.recall[label], report.tag_recall[label])
        table.add_row(label, *(f"{share.value:.1%}" for share in shares), *map(str, row))
    console = Console()
    console.print(table)
    console.print(f"several tags, all found: {report.mixed_all_found}")
    console.print(f"none of the labels, tagged all the same: {report.negatives_acted_on}")
