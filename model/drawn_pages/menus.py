"""Menus: sections of dishes, each with its price."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from model.drawn_pages import words
from model.drawn_pages.paper import Paper

TITLES: Final = (
    "Menu",
    "MENU",
    "Carte",
    "Lunch",
    "Dinner",
    "Drinks",
    "Speisekarte",
    "Carta",
    "Dessert",
    "Bar",
)
LAYOUTS: Final = ("right", "right", "dots", "dots", "after", "centre", "ruled")
"""Where the price stands: right in its column (plain, behind dots, over a line), behind the name, centred."""


@dataclass(frozen=True, slots=True)
class _Manner:
    """What a menu keeps to from its first line to its last."""

    layout: str
    price: str
    has_descriptions: bool
    has_pictures: bool
    spacing: float


def menu(paper: Paper) -> None:
    """A menu of one to three columns."""
    dice = paper.dice
    manner = _Manner(
        dice.choice(LAYOUTS),
        dice.choice(words.PRICES),
        has_descriptions=dice.random() < 0.45,  # noqa: PLR2004 - some
        has_pictures=dice.random() < 0.3,  # noqa: PLR2004 - a few
        spacing=dice.uniform(1.3, 2.4),
    )
    top = paper.margin * dice.uniform(0.5, 1.2)
    if dice.random() < 0.85:  # noqa: PLR2004 - nearly all
        own = words.words(dice, 1, 3, is_title=True)
        top = paper.title(dice.choice((*TITLES, own, own, own)), top)
    columns = dice.choice((1, 1, 2, 2, 3) if paper.width > 500 else (1, 1, 2))  # noqa: PLR2004 - pixels
    gap = paper.width * 0.05
    wide = (paper.inner - gap * (columns - 1)) / columns
    bottom = paper.bottom - paper.margin * dice.uniform(0, 1.5)
    for column in range(columns):
        _column(paper, manner, left=paper.margin + column * (wide + gap), top=top, size=(wide, bottom))


def _column(paper: Paper, manner: _Manner, *, left: float, top: float, size: tuple[float, float]) -> None:
    wide, bottom = size
    while top < bottom - paper.size * 5:
        if manner.has_pictures and paper.dice.random() < 0.3:  # noqa: PLR2004 - now and then
            top = _picture(paper, left, top, wide * 0.6)
        heading = words.words(paper.dice, 1, 2, is_title=True)
        font = paper.head(paper.size * 1.5)
        is_centred = manner.layout == "centre"
        across = left + wide / 2 if is_centred else left
        paper.text(
            (across, top), paper.cut(heading, font, wide), font, at="ma" if is_centred else "la", accent=True
        )
        top += paper.size * 2.4
        for _ in range(paper.dice.randint(3, 9)):
            if top < bottom - paper.size * 2:
                top = _dish(paper, manner, left=left, top=top, wide=wide)
        top += paper.size * paper.dice.uniform(0.5, 1.5)


def _dish(paper: Paper, manner: _Manner, *, left: float, top: float, wide: float) -> float:
    """One line, and what it is made of; where the next begins."""
    font, small = paper.body(paper.size), paper.body(paper.size * 0.75)
    cost = words.price(paper.dice, manner.price)
    name = paper.cut(words.words(paper.dice, 1, 4), font, wide * 0.7)
    if manner.layout == "centre":
        paper.text((left + wide / 2, top), f"{name}  {cost}", font, at="ma")
    elif manner.layout == "after":
        paper.text((left, top), f"{name}  {cost}", font)
    else:
        paper.text((left, top), name, font)
        paper.text((left + wide, top), cost, font, at="ra")
        level = top + paper.size * 0.85
        if manner.layout == "dots":
            paper.dots(left + font.getlength(name) + 6, left + wide - font.getlength(cost) - 6, level)
        if manner.layout == "ruled":
            paper.draw.line(
                (left, top + paper.size * 1.2, left + wide, top + paper.size * 1.2), fill=paper.accent
            )
    top += paper.size * manner.spacing
    if manner.has_descriptions:
        told = paper.fitting(small, wide * paper.dice.uniform(0.4, 0.8)).lower()
        is_centred = manner.layout == "centre"
        across = left + wide / 2 if is_centred else left
        paper.text(
            (across, top - paper.size * (manner.spacing - 1.15)), told, small, at="ma" if is_centred else "la"
        )
        top += paper.size * 0.8
    return top


def _picture(paper: Paper, left: float, top: float, wide: float) -> float:
    """A plate from above, of blots; where it ends."""
    dice, high = paper.dice, wide * 0.6
    paper.draw.rectangle((left, top, left + wide, top + high), fill=paper.between(30, 220))
    x, y, radius = left + wide / 2, top + high / 2, high * 0.45
    paper.draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=(245, 245, 240))
    for _ in range(25):
        angle, far, blot = (
            dice.uniform(0, math.tau),
            dice.uniform(0, radius * 0.6),
            dice.uniform(0.1, 0.25) * radius,
        )
        a, b = x + far * math.cos(angle), y + far * math.sin(angle)
        paper.draw.ellipse((a - blot, b - blot, a + blot, b + blot), fill=paper.between(90, 230))
    return top + high + paper.size
