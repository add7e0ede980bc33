"""Paper to draw on: a page of random size, colours and type, with what all layouts need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from model.drawn_pages import words

Colour = tuple[int, int, int]
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

SIZES: Final = ((600, 850), (600, 850), (850, 600), (700, 700), (480, 900), (640, 800))
PAPERS: Final[tuple[Colour, ...]] = (
    *((255, 255, 255),) * 3,
    (250, 246, 235),
    (240, 228, 200),
    (225, 200, 160),
    (245, 245, 245),
    (230, 240, 245),
    (250, 225, 215),
)
DARK: Final = 330
"""Of red, green and blue together: below it ink is light."""
SMALLEST: Final = 8
"""Pixels of a letter."""
LEADING: Final = 1.3
"""From line to line, in heights of a letter."""


@dataclass
class Paper:
    """One page; `dice` decides everything. Owns its image."""

    dice: Random
    fonts: Sequence[Path] = ()
    """Font files to take from; without any the one that comes with Pillow."""
    image: Image.Image = field(init=False)
    draw: ImageDraw.ImageDraw = field(init=False)
    colour: Colour = field(init=False)
    ink: Colour = field(init=False)
    accent: Colour = field(init=False)
    margin: int = field(init=False)
    size: float = field(init=False)
    """Of the body's letters, in pixels."""

    def __post_init__(self) -> None:
        self.colour = self._paper()
        is_dark = sum(self.colour) < DARK
        self.ink = self.between(200, 255) if is_dark else self.between(0, 80)
        self.accent = self.between(140, 255) if is_dark else self.between(0, 190)
        self.image = Image.new("RGB", self.dice.choice(SIZES), self.colour)
        self.draw = ImageDraw.Draw(self.image)
        self.margin = int(self.width * self.dice.uniform(0.04, 0.13))
        self.size = self.dice.uniform(11, 22)
        self._body, self._head = (self.dice.choice(self.fonts) if self.fonts else None for _ in range(2))

    @property
    def width(self) -> int:
        """In pixels."""
        return self.image.width

    @property
    def height(self) -> int:
        """In pixels."""
        return self.image.height

    @property
    def bottom(self) -> int:
        """Where the lower margin begins."""
        return self.height - self.margin

    @property
    def inner(self) -> int:
        """Between the margins, in pixels."""
        return self.width - 2 * self.margin

    def between(self, low: int, high: int) -> Colour:
        """A colour of which each part is from `low` to `high`."""
        return (self.dice.randint(low, high), self.dice.randint(low, high), self.dice.randint(low, high))

    def body(self, size: float) -> Font:
        """The type of running text."""
        return _font(self._body, size)

    def head(self, size: float) -> Font:
        """The type of headings."""
        return _font(self._head, size)

    def text(
        self, place: tuple[float, float], text: str, font: Font, *, at: str = "la", accent: bool = False
    ) -> None:
        """One line; `at` is Pillow's anchor."""
        self.draw.text(place, text, font=font, fill=self.accent if accent else self.ink, anchor=at)

    def title(self, text: str, top: float) -> float:
        """A heading across the page; where the next line may begin."""
        size = self.dice.uniform(26, 64)
        size *= min(1.0, self.inner / max(1.0, self.head(size).getlength(text)))
        is_centred = self.dice.random() < 0.75  # noqa: PLR2004 - three of four
        across = self.width / 2 if is_centred else self.margin
        self.text((across, top), text, self.head(size), at="ma" if is_centred else "la", accent=True)
        return top + size * 1.4

    def paragraph(self, left: float, top: float, width: float, *, size: float, lines: int) -> float:
        """Running text of so many lines, the last one shorter; where it ends."""
        font = self.body(size)
        for number in range(lines):
            wide = width * (self.dice.uniform(0.2, 0.9) if number == lines - 1 else 1)
            self.text((left, top), self.fitting(font, wide), font)
            top += size * LEADING
        return top + size * 0.6

    def fitting(self, font: Font, width: float) -> str:
        """Words that fill `width`, and no more."""
        line = ""
        while font.getlength(line) < width * 0.93:
            line += words.word(self.dice) + " "
        return self.cut(line, font, width)

    @staticmethod
    def cut(line: str, font: Font, width: float) -> str:
        """As much of `line` as fits into `width`."""
        while line and font.getlength(line) > width:
            line = line[:-1]
        return line

    def dots(self, left: float, right: float, level: float) -> None:
        """A leader."""
        for across in range(int(left), int(right), 5):
            self.draw.rectangle((across, level, across + 1, level), fill=self.ink)

    def _paper(self) -> Colour:
        kind = self.dice.random()
        if kind < 0.7:  # noqa: PLR2004 - mostly white and its like
            return self.dice.choice(PAPERS)
        return self.between(0, 70) if kind < 0.9 else self.between(60, 255)  # noqa: PLR2004 - else slate, then any


def _font(file: Path | None, size: float) -> Font:
    height = max(SMALLEST, size)
    return ImageFont.truetype(str(file), height) if file else ImageFont.load_default(height)
