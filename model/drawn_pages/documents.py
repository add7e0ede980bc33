"""Documents that are no menus: letters, articles, tables, forms, tables of contents, lists, screens."""

from __future__ import annotations

from model.drawn_pages import words
from model.drawn_pages.paper import LEADING, Paper


def letter(paper: Paper) -> None:
    """An address, a date, some paragraphs and a signature."""
    size, top = paper.dice.uniform(10, 15), float(paper.margin)
    for _ in range(paper.dice.randint(2, 5)):
        paper.text((paper.margin, top), words.words(paper.dice, 1, 4, is_title=True), paper.body(size))
        top += size * LEADING
    paper.text(
        (paper.width - paper.margin, top + 40), words.words(paper.dice, 2, 3), paper.body(size), at="ra"
    )
    top += 90
    for _ in range(paper.dice.randint(2, 5)):
        lines = paper.dice.randint(2, 6)
        top = paper.paragraph(paper.margin, top, paper.inner, size=size, lines=lines)
    paper.text((paper.margin, top + 20), words.words(paper.dice, 1, 2, is_title=True), paper.head(size * 1.6))


def article(paper: Paper) -> None:
    """Running text in one to three columns."""
    top = paper.title(words.words(paper.dice, 2, 6), paper.margin)
    columns, size = paper.dice.choice((1, 1, 2, 3)), paper.dice.uniform(9, 15)
    wide = (paper.inner - 18 * (columns - 1)) / columns
    for column in range(columns):
        left, level = paper.margin + column * (wide + 18), top
        while level < paper.bottom - size * 12:
            if paper.dice.random() < 0.25:  # noqa: PLR2004 - now and then
                paper.text((left, level), words.words(paper.dice, 1, 3), paper.head(size * 1.3), accent=True)
                level += size * 2
            level = paper.paragraph(left, level, wide, size=size, lines=paper.dice.randint(2, 9))


def table(paper: Paper) -> None:
    """Words and numbers in a grid."""
    top = paper.title(words.words(paper.dice, 1, 4), paper.margin)
    columns, high = paper.dice.randint(3, 8), paper.dice.uniform(16, 34)
    wide, font = paper.inner / columns, paper.body(min(high * 0.6, 14))
    are_numbers = [paper.dice.random() < 0.7 for _ in range(columns)]  # noqa: PLR2004 - most
    is_head = True
    while top < paper.bottom - high:
        for column, is_number in enumerate(are_numbers):
            left = paper.margin + column * wide
            fill = paper.accent if is_head else None
            paper.draw.rectangle((left, top, left + wide, top + high), fill=fill, outline=paper.ink)
            told = (
                words.word(paper.dice) if is_head or not is_number else f"{paper.dice.uniform(0, 2000):,.2f}"
            )
            paper.text((left + 4, top + high * 0.15), paper.cut(told, font, wide - 6), font)
        top, is_head = top + high, False


def form(paper: Paper) -> None:
    """Questions, and boxes or lines for the answers."""
    top, size = paper.title(words.words(paper.dice, 2, 5), paper.margin * 0.7), paper.dice.uniform(9, 14)
    while top < paper.bottom - size * 4:
        columns = paper.dice.choice((1, 1, 2, 3))
        wide = paper.inner / columns
        for column in range(columns):
            left = paper.margin + column * wide
            paper.text((left, top), words.words(paper.dice, 1, 2), paper.body(size))
            if paper.dice.random() < 0.6:  # noqa: PLR2004 - more often than not
                box = (left, top + size * 1.3, left + wide - 10, top + size * 3)
                paper.draw.rectangle(box, outline=paper.ink)
            else:
                level = top + size * 2.8
                paper.draw.line((left, level, left + wide - 12, level), fill=paper.ink)
        top += size * 4.2


def contents(paper: Paper) -> None:
    """Headings with page numbers or times: of all that is no menu the most like one."""
    top, size = (
        paper.title(words.words(paper.dice, 1, 2, is_title=True), paper.margin * 0.7),
        paper.dice.uniform(11, 17),
    )
    are_times, number, font = paper.dice.random() < 0.35, 1, paper.body(size)  # noqa: PLR2004 - a third
    while top < paper.bottom:
        number += paper.dice.randint(1, 9)
        told = f"{number % 24}:{paper.dice.choice(('00', '15', '30'))}" if are_times else str(number)
        name = paper.cut(words.words(paper.dice, 2, 6), font, paper.inner * 0.7)
        left = paper.margin + (70 if are_times else 0)
        paper.text((left, top), name, font)
        if are_times:
            paper.text((paper.margin, top), told, font)
        else:
            right = paper.width - paper.margin
            paper.text((right, top), told, font, at="ra")
            paper.dots(left + font.getlength(name) + 6, right - font.getlength(told) - 6, top + size * 0.85)
        top += size * 1.6


def listing(paper: Paper) -> None:
    """Points below each other, without prices: of a slide, of what is to be done."""
    top, size = paper.title(words.words(paper.dice, 2, 5), paper.margin), paper.dice.uniform(14, 28)
    sign = paper.dice.choice(("- ", "* ", "1. ", ""))
    while top < paper.bottom - paper.dice.uniform(0, 200):
        font = paper.body(size)
        paper.text(
            (paper.margin, top), paper.cut(sign + words.words(paper.dice, 2, 6), font, paper.inner), font
        )
        top += size * 1.7


def screen(paper: Paper) -> None:
    """A web page: a bar, a banner, cards of text."""
    paper.draw.rectangle((0, 0, paper.width, 40), fill=paper.accent)
    paper.draw.rectangle((0, 50, paper.width, 50 + paper.height * 0.25), fill=paper.between(40, 220))
    paper.text((paper.width / 2, paper.height * 0.15), words.words(paper.dice, 2, 4), paper.head(30), at="ma")
    columns, top = paper.dice.choice((1, 2, 3)), 70 + paper.height * 0.25
    wide = paper.inner / columns
    while top < paper.bottom - 120:
        for column in range(columns):
            left = paper.margin + column * wide
            paper.draw.rectangle((left, top, left + wide - 14, top + 60), fill=paper.between(60, 220))
            paper.text((left, top + 64), words.words(paper.dice, 1, 3), paper.head(14), accent=True)
            paper.paragraph(left, top + 84, wide - 16, size=11, lines=2)
        top += 140
