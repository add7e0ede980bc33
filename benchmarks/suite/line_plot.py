"""Line plot of one figure over the course of a run, as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

WIDTH: Final = 760
HEIGHT: Final = 240
LEFT: Final = 60
TOP: Final = 40
BELOW: Final = 24
HUE: Final = "#1f6f5c"


def line_plot(title: str, values: Sequence[float]) -> str:
    """`values` from left to right, from 0 up; the least and the greatest are written beside it."""
    most = max(values, default=1.0) or 1.0
    step = (WIDTH - LEFT - 20) / max(1, len(values) - 1)
    scale = (HEIGHT - TOP - BELOW) / most
    bottom = HEIGHT - BELOW
    points = " ".join(
        f"{LEFT + number * step:.1f},{bottom - value * scale:.1f}" for number, value in enumerate(values)
    )
    least = min(values, default=0.0)
    marks = [
        f'<text x="{LEFT - 8}" y="{bottom - value * scale + 4:.0f}" text-anchor="end">{value:.0f}</text>'
        for value in dict.fromkeys((least, most))
    ]
    size = f'width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="13">',
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
            f'<text x="12" y="22" font-weight="bold">{escape(title)}</text>',
            f'<line x1="{LEFT}" y1="{bottom}" x2="{WIDTH - 20}" y2="{bottom}" stroke="#9aa5b1"/>',
            f'<text x="{LEFT}" y="{HEIGHT - 6}">1</text>',
            f'<text x="{WIDTH - 20}" y="{HEIGHT - 6}" text-anchor="end">{len(values)}</text>',
            *marks,
            f'<polyline points="{points}" fill="none" stroke="{HUE}" stroke-width="2"/>',
            "</svg>\n",
        ]
    )
