"""Plot of the days: p95 of live photographs by the hour, a panel for each number of workers, as SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Final

from benchmarks.lanes.days import Day, worker_words

WIDTH: Final = 760
PANEL: Final = 170
LEFT: Final = 60
RIGHT: Final = 20
TOP: Final = 34
BELOW: Final = 24
HUES: Final = ("#1f6f5c", "#b23333", "#c98a1b", "#3a5fa8", "#6b4a8f")
"""The first is of the day without a replay."""


def svg(days: Sequence[Day]) -> str:
    """All panels, one under another, on one logarithmic scale."""
    panels = list(dict.fromkeys(each.workers for each in days))
    names = list(dict.fromkeys(each.replay for each in days))
    height = TOP + 18 * len(names) + PANEL * len(panels)
    values = [value for each in days for value in each.p95_by_hour() if value]
    low, high = (math.log10(each) for each in (min(values, default=0.01), max(values, default=1.0)))
    drawn = [
        '<svg xmlns="http://www.w3.org/2000/svg"',
        f' width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"',
        ' font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        '<text x="12" y="22" font-weight="bold">Upload to tag of live photographs: p95 by the hour, s</text>',
    ]
    for number, name in enumerate(names):
        words = "without a replay" if name == "none" else f"with a replay, {name}"
        drawn.append(
            f'<text x="12" y="{TOP + 12 + 18 * number}" fill="{HUES[number % 5]}">{escape(words)}</text>'
        )
    for number, workers in enumerate(panels):
        top = TOP + 18 * len(names) + PANEL * number
        drawn += _panel([each for each in days if each.workers == workers], names, top, (low, high))
    return "\n".join([*drawn, "</svg>", ""])


def _panel(days: Sequence[Day], names: Sequence[str], top: int, scale: tuple[float, float]) -> list[str]:
    low, high = scale
    wide, tall = (WIDTH - LEFT - RIGHT) / 24, PANEL - BELOW - 20
    base = top + 20 + tall

    def height(value: float) -> float:
        return base - (math.log10(value) - low) / ((high - low) or 1.0) * tall

    drawn = [f'<text x="{LEFT}" y="{top + 14}">{worker_words(days[0].workers)}</text>']
    drawn += [
        f'<text x="{LEFT - 6}" y="{height(10**each):.0f}" text-anchor="end">{10**each:.3g}</text>'
        for each in scale
    ]
    drawn += [
        f'<text x="{LEFT + wide * hour:.0f}" y="{base + 16}" text-anchor="middle">{hour}</text>'
        for hour in range(0, 25, 6)
    ]
    drawn.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{base}" y2="{base}" stroke="#888"/>')
    for day in days:
        points = " ".join(
            f"{LEFT + wide * (hour + 0.5):.1f},{height(value):.1f}"
            for hour, value in enumerate(day.p95_by_hour())
            if value
        )
        hue = HUES[names.index(day.replay) % 5]
        drawn.append(f'<polyline points="{points}" fill="none" stroke="{hue}" stroke-width="2"/>')
    return drawn
