"""A row as text, and what must be said below such a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from model.comparison.row import MEGABYTE, SCRATCH, BackboneRow, Figures, IntervalValue
from model.comparison.run import Compared
from model.evaluation.speed import ForwardSpeed

COLUMNS: Final = (
    "backbone",
    "weights",
    "input",
    "parameters, M",
    "top label right, %",
    "F1 by photographs",
    "mean AP",
    "training, s (CPU s)",
    "MB",
    "images/s",
    "ms, one",
    "images/s, to first",
)


def cells(row: BackboneRow) -> tuple[str, ...]:
    """One for each of `COLUMNS`."""
    figures, pace = row.figures, row.pace
    if figures is None:
        return (row.backbone, row.weights, f"failed: {row.error}", *[""] * (len(COLUMNS) - 3))
    return (
        row.backbone,
        figures.weights,
        f"{figures.size}",
        f"{figures.parameters / 1e6:.2f}",
        _share(figures.top_accuracy),
        _value(figures.f1_samples),
        _value(figures.mean_average_precision),
        f"{_least(figures)}{figures.train_seconds:.0f} ({figures.train_cpu_seconds:.0f})",
        f"{figures.bytes / MEGABYTE:.1f}",
        *_speed(pace),
    )


NARROW: Final = ("backbone", "input", "M par.", "top label", "F1", "AP", "train s", "MB", "images/s", "ms")
"""Columns for a terminal."""


def narrow(row: BackboneRow) -> tuple[str, ...]:
    """A row in two lines, for `NARROW`; of one that failed only its name."""
    if row.figures is None:
        return (f"{row.backbone}\n  {row.weights}", *["-"] * (len(NARROW) - 1))
    name, weights, side, millions, top, f1, precision, training, size, speed, alone, ratio = cells(row)
    share, _, interval = top.partition(" ")
    seconds, _, cpu = training.rpartition(" ")
    return (
        f"{name}\n  {weights}",
        side,
        millions,
        f"{share} %\n{interval.strip('()')}",
        f1,
        precision,
        f"{seconds}\n{cpu.strip('()')} CPU",
        size,
        f"{speed}\n{ratio} of first",
        alone,
    )


def footnotes(compared: Compared, rows: Sequence[BackboneRow]) -> tuple[str, ...]:
    """What the figures are of, and how far they go."""
    optimistic = ", by which the kept epoch and the thresholds were chosen too: a little too good"
    epochs = f"{compared.epochs} epoch{'s' * (compared.epochs > 1)}"
    made = (
        f"Each trained for up to {epochs} by one recipe on {compared.trained_on} photographs, "
        f"judged on {compared.judged_on} of the split {compared.split}"
        f"{optimistic if compared.split == 'val' else ''}. Labels: {', '.join(compared.labels)}. "
        "Intervals are of 95 %."
    )
    notes = [made]
    pace = next((row.pace for row in rows if row.pace), None)
    if pace is not None:
        notes.append(
            f"Speed on {pace.device} with {pace.threads} thread{'s' * (pace.threads > 1)}, in batches of "
            f"{pace.batch}, and of one image alone, decoding left out; "
            "measured in turns in one run, the quickest of several rounds."
        )
    known = [row.figures for row in rows if row.figures is not None]
    if any(figures.weights == SCRATCH for figures in known):
        notes.append("From scratch: random weights; on few photographs that is no verdict on the network.")
    if any(figures.resumed for figures in known):
        notes.append("≥: its training was broken off, and the time before that is not counted.")
    return tuple(notes)


def _share(value: IntervalValue) -> str:
    low, high = (100 * (end or 0) for end in value.interval)
    return f"{100 * (value.value or 0):.1f} ({low:.1f} to {high:.1f})"


def _value(value: IntervalValue) -> str:
    return "-" if value.value is None else f"{value.value:.3f}"


def _least(figures: Figures) -> str:
    return "≥ " if figures.resumed else ""


def _speed(pace: ForwardSpeed | None) -> tuple[str, str, str]:
    if pace is None:
        return ("-", "-", "-")
    return (f"{pace.images_per_second:.0f}", f"{pace.latency_ms:.1f}", f"{pace.throughput_ratio:.2f}")
