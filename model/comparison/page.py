"""Renderers of a comparison: a self-contained page, a Markdown table, and rows of text for a terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final

from model import templates
from model.comparison.comparison_run import Compared
from model.comparison.row import MEGABYTE, SCRATCH, BackboneFigures, BackboneRow, IntervalValue
from model.evaluation.pages import template
from model.evaluation.speed import ForwardSpeed

TEMPLATE: Final = "comparison.html.j2"
WIDTH: Final = 900
HEIGHT: Final = 380
LEFT, RIGHT, TOP, BOTTOM = 56, 20, 16, 44
STEPS: Final = (1, 2, 5)
"""Of a logarithmic axis, in each decade."""
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
NARROW: Final = ("backbone", "input", "M par.", "top label", "F1", "AP", "train s", "MB", "images/s", "ms")
"""Columns for a terminal."""


@dataclass(frozen=True, slots=True)
class BackboneDot:
    """One backbone in the plot; the ends of its interval above and below it."""

    number: int
    x: float
    y: float
    low: float
    high: float
    title: str
    from_scratch: bool


@dataclass(frozen=True, slots=True)
class GridLine:
    """A line of the grid."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Plot:
    """All that is drawn."""

    dots: tuple[BackboneDot, ...]
    across: tuple[GridLine, ...]
    up: tuple[GridLine, ...]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    bottom: int = HEIGHT - BOTTOM


def render_html(compared: Compared, rows: Sequence[BackboneRow]) -> str:
    """One self-contained page: a plot of accuracy against speed, and the table, the rows in their order."""
    environment = templates.environment(Path(__file__).parent, Path(template.__file__).parent)
    environment.filters["percent"] = template.percent
    environment.filters["span"] = template.span
    context = {
        "compared": compared,
        "rows": rows,
        "plot": plot(rows),
        "notes": footnotes(compared, rows),
        "tagstream": metadata.version("tagstream"),
    }
    return environment.get_template(TEMPLATE).render(context)


def render_markdown(compared: Compared, rows: Sequence[BackboneRow]) -> str:
    """The table for other people's pages, and below it how it was made."""
    lines = [_line(COLUMNS), _line(["---", "---", *["---:"] * (len(COLUMNS) - 2)])]
    lines += [_line(cells(row)) for row in rows]
    notes = "\n".join(f"- {note}" for note in footnotes(compared, rows))
    return "\n".join(lines) + f"\n\n{notes}\n"


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
        f"{'≥ ' if figures.resumed else ''}{figures.train_seconds:.0f} ({figures.train_cpu_seconds:.0f})",
        f"{figures.bytes / MEGABYTE:.1f}",
        *_speed(pace),
    )


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


def plot(rows: Sequence[BackboneRow]) -> Plot | None:
    """Accuracy over the logarithm of images a second; None where nothing was measured."""
    known = [
        (number, row, row.figures, row.pace)
        for number, row in enumerate(rows, 1)
        if row.figures is not None and row.pace is not None
    ]
    if not known:
        return None
    speeds = [pace.images_per_second for *_, pace in known]
    across = Axis(math.log10(min(speeds) / 1.5), math.log10(max(speeds) * 1.5), start=LEFT, end=WIDTH - RIGHT)
    least = min((figures.top_accuracy.interval[0] or 0.0) for *_, figures, _ in known)
    up = Axis(math.floor(least * 10) / 10, 1.0, start=HEIGHT - BOTTOM, end=TOP)
    return Plot(
        dots=tuple(_dot(number, row, (figures, pace), (across, up)) for number, row, figures, pace in known),
        across=tuple(across.decades()),
        up=tuple(GridLine(up.at(step / 10), f"{10 * step} %") for step in range(round(up.low * 10), 11)),
    )


@dataclass(frozen=True, slots=True)
class Axis:
    """From a value to a place."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Where `value` is drawn."""
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)

    def decades(self) -> list[GridLine]:
        """1, 2, 5, 10, ... where the axis is one of logarithms."""
        values = [step * 10.0**power for power in range(-3, 7) for step in STEPS]
        return [
            GridLine(self.at(math.log10(value)), f"{value:g}")
            for value in values
            if self.low <= math.log10(value) <= self.high
        ]


def _dot(
    number: int, row: BackboneRow, known: tuple[BackboneFigures, ForwardSpeed], axes: tuple[Axis, Axis]
) -> BackboneDot:
    (figures, pace), (across, up) = known, axes
    low, high = (end or 0.0 for end in figures.top_accuracy.interval)
    accuracy = figures.top_accuracy.value or 0.0
    return BackboneDot(
        number=number,
        x=across.at(math.log10(pace.images_per_second)),
        y=up.at(accuracy),
        low=up.at(low),
        high=up.at(high),
        title=f"{row.backbone}: {100 * accuracy:.1f} %, {pace.images_per_second:.0f} images/s",
        from_scratch=figures.weights == SCRATCH,
    )


def _line(each: Sequence[str]) -> str:
    escaped = (cell.replace("|", r"\|") for cell in each)
    return f"| {' | '.join(escaped)} |"


def _share(value: IntervalValue) -> str:
    if value.value is None:
        return "-"
    low, high = (100 * (end or 0) for end in value.interval)
    return f"{100 * value.value:.1f} ({low:.1f} to {high:.1f})"


def _value(value: IntervalValue) -> str:
    return "-" if value.value is None else f"{value.value:.3f}"


def _speed(pace: ForwardSpeed | None) -> tuple[str, str, str]:
    if pace is None:
        return ("-", "-", "-")
    return (f"{pace.images_per_second:.0f}", f"{pace.latency_ms:.1f}", f"{pace.throughput_ratio:.2f}")
