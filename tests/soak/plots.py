"""Lines over time as the report's SVG draws them: scaled, with ticks that people count in."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from tests.soak.faults import Struck
from tests.soak.result import Result
from tests.soak.samples import Progress, Sample

WIDTH: Final = 1060
HEIGHT: Final = 190
LEFT: Final = 58
TOP: Final = 10
BOTTOM: Final = 26
RIGHT: Final = 12
_MEBIBYTE: Final = 2**20
_SMOOTH: Final = 10
"""Samples over which a rate is taken."""
_LETTER: Final = 6.5
"""Width of one in a band."""
_NICE: Final = (1.0, 2.0, 2.5, 5.0, 10.0)

Points = Sequence[tuple[float, float] | None]
"""Second and value; None where nothing is known, and the line is broken."""

VICTIMS: Final = ("worker", "broker", "store", "storage")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a plot."""

    name: str
    hue: str
    paths: tuple[str, ...]
    """Each the points of one unbroken piece, in the SVG's units."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A number at an axis."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Band:
    """A fault, from its beginning to its end."""

    left: float
    width: float
    victim: str
    act: str
    """What was done to it; nothing where the band is too narrow for the word."""
    title: str


@dataclass(frozen=True, slots=True)
class Plot:
    """One plot, in the SVG's units."""

    title: str
    unit: str
    lines: tuple[Line, ...]
    rows: tuple[Tick, ...]


@dataclass(frozen=True, slots=True)
class Scale:
    """From seconds and values to the SVG's units."""

    seconds: float
    top: float

    def x(self, second: float) -> float:
        """From the left."""
        return LEFT + (WIDTH - LEFT - RIGHT) * second / self.seconds

    def y(self, value: float) -> float:
        """From the top."""
        return TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / self.top)


def plots(result: Result) -> tuple[Plot, ...]:
    """Backlog, rates, memory."""
    samples, seconds = result.samples, length(result)
    return (
        _plot("Backlog", "messages", seconds, [("waiting or in work", "lag", lag(samples))]),
        _plot(
            "Rate",
            "messages a second",
            seconds,
            [
                ("in", "in", rate(samples, lambda progress: progress.published)),
                ("out", "out", rate(samples, lambda progress: progress.handled)),
            ],
        ),
        _plot("Memory", "MiB resident", seconds, memory(samples)),
    )


def length(result: Result) -> float:
    """Seconds on the axis of time."""
    return max([1.0, *(sample.at for sample in result.samples)])


def bands(struck: Sequence[Struck], seconds: float) -> tuple[Band, ...]:
    """The faults on the axis of time."""
    scale = Scale(seconds, 1.0)
    return tuple(_band(fault, scale) for fault in struck)


def times(seconds: float) -> tuple[Tick, ...]:
    """The axis of time, in minutes and seconds."""
    step = max(10.0, 10.0 * math.ceil(seconds / 100))
    step = next((nice for nice in (10, 20, 30, 60, 120, 300, 600, 1800, 3600) if nice >= step), step)
    scale = Scale(seconds, 1.0)
    marks = [number * step for number in range(int(seconds // step) + 1)]
    return tuple(Tick(round(scale.x(at), 1), f"{int(at // 60)}:{int(at % 60):02}") for at in marks)


def lag(samples: Sequence[Sample]) -> Points:
    """Messages that wait."""
    return [(each.at, float(each.progress.lag)) if each.progress else None for each in samples]


def rate(samples: Sequence[Sample], count: Callable[[Progress], int]) -> Points:
    """Messages a second, over some seconds."""
    return [
        (later.at, max(0.0, count(later.progress) - count(earlier.progress)) / (later.at - earlier.at))
        if earlier.progress and later.progress and later.at > earlier.at
        else None
        for earlier, later in zip(samples, samples[_SMOOTH:], strict=False)
    ]


def memory(samples: Sequence[Sample]) -> list[tuple[str, str, Points]]:
    """A line a worker."""
    workers = sorted({worker for sample in samples for worker in sample.memory})
    return [
        (
            f"worker {worker}",
            f"worker-{place % 6}",
            [
                (each.at, each.memory[worker] / _MEBIBYTE) if worker in each.memory else None
                for each in samples
            ],
        )
        for place, worker in enumerate(workers)
    ]


def _band(fault: Struck, scale: Scale) -> Band:
    victim, _, act = fault.name.partition(" ")
    width = max(2.0, scale.x(fault.ended) - scale.x(fault.began))
    return Band(
        left=round(scale.x(fault.began), 1),
        width=round(width, 1),
        victim=victim,
        act=act if width > _LETTER * len(act) else "",
        title=f"{fault.name}, second {fault.began:.0f} to {fault.ended:.0f}",
    )


def _plot(title: str, unit: str, seconds: float, series: Sequence[tuple[str, str, Points]]) -> Plot:
    values = [point[1] for _, _, points in series for point in points if point]
    step = _step(max([1.0, *values]))
    top = step * math.ceil(max([1.0, *values]) / step)
    scale = Scale(seconds, top)
    rows = tuple(Tick(round(scale.y(step * n), 1), f"{step * n:g}") for n in range(int(top / step) + 1))
    lines = tuple(Line(name, hue, tuple(_pieces(points, scale))) for name, hue, points in series)
    return Plot(title, unit, lines, rows)


def _step(highest: float) -> float:
    """Between the rows: a round number that makes four of them, or five."""
    rough = highest / 4
    power = 10.0 ** math.floor(math.log10(rough))
    return next(nice * power for nice in _NICE if nice * power >= rough)


def _pieces(points: Points, scale: Scale) -> list[str]:
    breaks = [-1, *(place for place, point in enumerate(points) if point is None), len(points)]
    pieces = (points[before + 1 : after] for before, after in pairwise(breaks))
    return [
        " ".join(f"{scale.x(point[0]):.1f},{scale.y(point[1]):.1f}" for point in piece if point)
        for piece in pieces
        if len(piece) > 1
    ]
