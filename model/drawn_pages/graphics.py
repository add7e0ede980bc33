"""Graphics with words in them: charts, posters and signs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from model.drawn_pages import words
from model.drawn_pages.paper import Paper

Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""


def chart(paper: Paper) -> None:
    """Axes with numbers, and bars, lines or points."""
    top = paper.title(words.words(paper.dice, 1, 4), paper.margin * 0.6) + 20
    left, bottom = paper.margin * 1.6, paper.height - paper.margin * 1.6
    right = float(paper.width - paper.margin)
    step = paper.dice.choice((1, 10, 25))
    for number in range(6):
        level = bottom - (bottom - top) * number / 6
        paper.text((left - 6, level), str(number * step), paper.body(11), at="rm")
    paper.dice.choice(_SERIES)(paper, (left, top, right, bottom))
    paper.draw.line((left, top, left, bottom, right, bottom), fill=paper.ink, width=2)


def poster(paper: Paper) -> None:
    """Shapes, and a few large words over them."""
    for _ in range(paper.dice.randint(0, 8)):
        _shape(paper)
    level = paper.height * paper.dice.uniform(0.05, 0.4)
    for _ in range(paper.dice.randint(1, 3)):
        level = paper.title(words.words(paper.dice, 1, 3, is_title=True), level)
    paper.text((paper.width / 2, paper.height * 0.9), words.words(paper.dice, 2, 5), paper.body(16), at="ma")


def sign(paper: Paper) -> None:
    """A name, and a ring around it or not."""
    if paper.dice.random() < 0.5:  # noqa: PLR2004 - as often as not
        reach = min(paper.width, paper.height) * 0.45
        x, y = paper.width / 2, paper.height / 2
        paper.draw.ellipse((x - reach, y - reach, x + reach, y + reach), outline=paper.accent, width=6)
    paper.title(words.words(paper.dice, 1, 2, is_title=True), paper.height * 0.45)


def _bars(paper: Paper, box: Box) -> None:
    left, top, right, bottom = box
    count, colour = paper.dice.randint(4, 14), paper.between(0, 255)
    wide = (right - left) / count
    for place in range(count):
        high = paper.dice.random() * (bottom - top)
        start = left + place * wide
        paper.draw.rectangle((start + wide * 0.15, bottom - high, start + wide * 0.85, bottom), fill=colour)


def _lines(paper: Paper, box: Box) -> None:
    left, top, right, bottom = box
    for _ in range(paper.dice.randint(1, 4)):
        value, points = paper.dice.random(), []
        for place in range(20):
            value = min(1.0, max(0.0, value + paper.dice.uniform(-0.15, 0.15)))
            points.append((left + (right - left) * place / 19, bottom - value * (bottom - top)))
        paper.draw.line(points, fill=paper.between(0, 255), width=paper.dice.randint(1, 4))


def _points(paper: Paper, box: Box) -> None:
    left, top, right, bottom = box
    colour = paper.between(0, 255)
    for _ in range(paper.dice.randint(20, 150)):
        x, y = paper.dice.uniform(left, right), paper.dice.uniform(top, bottom)
        paper.draw.ellipse((x - 4, y - 4, x + 4, y + 4), fill=colour)


def _shape(paper: Paper) -> None:
    x, y = paper.dice.uniform(0, paper.width), paper.dice.uniform(0, paper.height)
    reach, colour = paper.dice.uniform(20, 260), paper.between(0, 255)
    box = (x - reach, y - reach, x + reach, y + reach)
    draw = paper.dice.choice((paper.draw.ellipse, paper.draw.rectangle))
    draw(box, fill=colour)


_SERIES: Final[tuple[Callable[[Paper, Box], None], ...]] = (_bars, _lines, _points)
