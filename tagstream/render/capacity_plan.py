"""A capacity plan in the terminal: what it takes, what it was reckoned from, or one JSON document."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from typing import Final

import typer

from operations.capacity_plan import PRICES, CapacityPlan, CapacityQuestion
from operations.capacity_sources import CapacityFigure
from tagstream.render import tables
from tagstream.render.console import PrintableConsole, PrintableTable

WORDS: Final = {
    "rate": ("Images a second of a worker", "{:,.1f}"),
    "image_bytes": ("Bytes of an image", "{:,.0f}"),
    "record_bytes": ("Bytes of an image's scores", "{:,.0f}"),
    "head_bytes": ("Bytes of an image's document", "{:,.0f}"),
    "message_bytes": ("Bytes of an image's messages", "{:,.0f}"),
    "peak": ("Busiest hour beside the mean", "{:.1f}"),
}
_UNITS: Final = ("bytes", "KB", "MB", "GB", "TB", "PB")
_THOUSAND: Final = 1000.0


def show(
    asked: CapacityQuestion, found: CapacityPlan, figures: Mapping[str, CapacityFigure], *, as_json: bool
) -> None:
    """Everything, on standard output."""
    if as_json:
        typer.echo(json.dumps(document(asked, found, figures)))
        return
    console = PrintableConsole()
    console.print(tables.grid(_rows(asked, found)))
    for note in found.notes:
        console.print(f"! {note}", markup=False)
    console.print("\nReckoned from:")
    console.print(_assumptions(asked, figures))


def document(
    asked: CapacityQuestion, found: CapacityPlan, figures: Mapping[str, CapacityFigure]
) -> dict[str, object]:
    """The same as plain values."""
    given = dataclasses.asdict(dataclasses.replace(asked, prices={})) | {"prices": dict(asked.prices)}
    plan = dataclasses.asdict(dataclasses.replace(found, costs={})) | {
        "costs": dict(found.costs),
        "total": found.total,
    }
    return {
        "plan": plan,
        "asked": given,
        "sources": {name: each.source for name, each in figures.items()},
    }


def _rows(asked: CapacityQuestion, found: CapacityPlan) -> Iterator[tuple[str, str]]:
    yield "Images", f"{asked.images:,.0f}"
    yield "Workers", f"{found.workers:,}" + (f" to be done in {asked.deadline:g} h" if asked.deadline else "")
    yield "Partitions", _partitions(asked, found)
    yield "Replayed", f"{found.images_per_second:,.1f} images a second, in the mean of a day"
    yield "Takes", "no end" if found.hours is None else f"{found.hours:,.1f} hours"
    yield "Work", f"{found.worker_hours:,.1f} worker-hours, without what idles"
    yield "Read from storage", f"{_bytes(found.bytes_read)} in {found.gets:,.0f} reads"
    kept, written = _bytes(found.store_bytes), _bytes(found.store_bytes_written)
    yield "Store", f"{found.store_documents:,.0f} documents more, {kept}; {written} written"
    yield "Broker", f"{_bytes(found.broker_bytes)} written, before compression"
    yield "Money", _money(found)


def _partitions(asked: CapacityQuestion, found: CapacityPlan) -> str:
    if found.partitions == asked.partitions:
        return f"{found.partitions:,}"
    enough = "are enough" if found.workers <= asked.partitions else "are too few"
    return f"{asked.partitions:,} {enough}; of {found.partitions:,} every worker has as many"


def _money(found: CapacityPlan) -> str:
    missing = ", ".join(f"--price-{name}" for name in PRICES if name not in found.costs)
    if found.total is None:
        return f"nothing has a price: {missing}"
    costs = ", ".join(f"{name} {cost:,.2f}" for name, cost in found.costs.items())
    return f"{found.total:,.2f} ({costs})" + (f"; without a price: {missing}" if missing else "")


def _assumptions(asked: CapacityQuestion, figures: Mapping[str, CapacityFigure]) -> PrintableTable:
    table = tables.plain("What", "Value", "From", right={"Value"})
    for name, each in figures.items():
        what, form = WORDS[name]
        table.add_row(what, form.format(each.value), each.source)
    for what, value, option in (
        ("Live photographs a day", f"{asked.live_per_day:,.0f}", "--live-per-day"),
        ("Share of a worker for the replay", f"{asked.share:.0%}", "--share"),
        ("Partitions of the topics", f"{asked.partitions:,}", "--partitions"),
        ("Replicas of the topics", f"{asked.replication:,}", "--replication"),
    ):
        table.add_row(what, value, option)
    for name, price in asked.prices.items():
        table.add_row(f"Price of {PRICES[name]}", f"{price:,.4g}", f"--price-{name}")
    return table


def _bytes(number: float) -> str:
    for unit in _UNITS[:-1]:
        if number < _THOUSAND:
            return f"{number:,.3g} {unit}"
        number /= _THOUSAND
    return f"{number:,.3g} {_UNITS[-1]}"
