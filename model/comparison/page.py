"""The comparison as one self-contained page: a plot of accuracy against speed, and the table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final

from model import templates
from model.comparison.cells import footnotes
from model.comparison.row import SCRATCH, BackboneRow, Figures
from model.comparison.run import Compared
from model.evaluation.pages import template
from model.evaluation.speed import ForwardSpeed

TEMPLATE: Final = "comparison.html.j2"
WIDTH: Final = 900
HEIGHT: Final = 380
LEFT, RIGHT, TOP, BOTTOM = 56, 20, 16, 44
STEPS: Final = (1, 2, 5)
"""Of a logarithmic axis, in each decade."""


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
class Tick:
    """A line of the grid."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Plot:
    """All that is drawn."""

    dots: tuple[BackboneDot, ...]
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    bottom: int = HEIGHT - BOTTOM


def render(compared: Compared, rows: Sequence[BackboneRow]) -> str:
    """The whole page, the rows in their order."""
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
        up=tuple(Tick(up.at(step / 10), f"{10 * step} %") for step in range(round(up.low * 10), 11)),
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

    def decades(self) -> list[Tick]:
        """1, 2, 5, 10, ... where the axis is one of logarithms."""
        values = [step * 10.0**power for power in range(-3, 7) for step in STEPS]
        return [
            Tick(self.at(math.log10(value)), f"{value:g}")
            for value in values
            if self.low <= math.log10(value) <= self.high
        ]


def _dot(
    number: int, row: BackboneRow, known: tuple[Figures, ForwardSpeed], axes: tuple[Axis, Axis]
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
