"""Plots of a run: bars of CPU and of rate, by program and kind, as SVG."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import Final

from benchmarks.suite.results import PRODUCT, Figures, Results

WIDTH: Final = 760
BAR: Final = 22
GAP: Final = 8
LEFT: Final = 210
RIGHT: Final = 90
TOP: Final = 34
OURS: Final = "#1f6f5c"
OTHERS: Final = "#9aa5b1"


def write(folder: Path, results: Results) -> list[Path]:
    """One file for each kind and figure; which they are."""
    found = []
    for kind in results.photographs:
        figures = [each for each in results.figures() if each.kind == kind]
        limit = next((each.total_ms for each in results.limits if each.kind == kind), None)
        plots = {
            "cpu": svg(f"{kind}: CPU ms an image (less is better)", figures, lambda each: each.cpu_ms, limit),
            "rate": svg(f"{kind}: images a second (more is better)", figures, lambda each: each.rate),
        }
        for name, text in plots.items():
            place = folder / f"{kind}-{name}.svg"
            place.write_text(text)
            found.append(place)
    return found


def svg(
    title: str, figures: Sequence[Figures], value: Callable[[Figures], float], limit: float | None = None
) -> str:
    """Horizontal bars, and a line where the limit is."""
    most = max([value(each) for each in figures] + [limit or 0.0], default=1.0) or 1.0
    scale = (WIDTH - LEFT - RIGHT) / most
    height = TOP + len(figures) * (BAR + GAP) + GAP
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg"',
        f' width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"',
        ' font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        f'<text x="12" y="22" font-weight="bold">{escape(title)}</text>',
    ]
    for number, each in enumerate(sorted(figures, key=value)):
        top = TOP + number * (BAR + GAP)
        width, hue = value(each) * scale, OURS if each.program == PRODUCT else OTHERS
        middle = top + BAR * 0.7
        parts += [
            f'<text x="{LEFT - 8}" y="{middle:.0f}" text-anchor="end">{escape(each.program)}</text>',
            f'<rect x="{LEFT}" y="{top}" width="{width:.1f}" height="{BAR}" fill="{hue}"/>',
            f'<text x="{LEFT + width + 6:.1f}" y="{middle:.0f}">{value(each):.1f}</text>',
        ]
    if limit:
        at = LEFT + limit * scale
        parts += [
            f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{TOP - 6}" y2="{height}"',
            ' stroke="#b23" stroke-dasharray="4"/>',
            f'<text x="{at + 4:.1f}" y="{TOP - 8}" fill="#b23" font-size="11">limit {limit:.1f}</text>',
        ]
    return "\n".join([*parts, "</svg>", ""])
