"""Three restaurant menus as a guest would photograph them, drawn here so that none has to be borrowed.

    python -m tools.render_menus [FOLDER]

Each begins as a flat page of type and becomes a photograph of that page: laid on something in perspective,
lit from one side, a little out of focus, grainy. All randomness is seeded, so one version of Pillow draws the
same pixels every time. The type is the font inside Pillow.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

import tagstream.samples

SIZE: Final = (480, 640)
"""Width and height of every photograph, in pixels."""

QUALITY: Final = 85
"""Of the JPEGs."""

_SCALE: Final = 2  # drawn at twice the size, then reduced: that is what smooths the edges
_FRAME: Final = (SIZE[0] * _SCALE, SIZE[1] * _SCALE)

_Colour = tuple[int, int, int]
_Corner = tuple[float, float]
_Plane = npt.NDArray[np.float64]


class _Dish(NamedTuple):
    name: str
    price: str
    about: str = ""


class _Section(NamedTuple):
    title: str
    dishes: tuple[_Dish, ...]


class _Shot(NamedTuple):
    """How one page is photographed: where its corners fall (as shares of the frame) and the light on it."""

    page: Callable[[np.random.Generator], Image.Image]
    ground: Callable[[np.random.Generator], Image.Image]
    corners: tuple[_Corner, _Corner, _Corner, _Corner]  # top left, top right, bottom right, bottom left
    light_from: _Corner
    light: _Colour
    blur: float
    seed: int


def render(name: str) -> Image.Image:
    """The photograph of the menu called `name`, one of `MENUS`."""
    shot = MENUS[name]
    rng = np.random.default_rng(shot.seed)
    ground, page = shot.ground(rng), shot.page(rng)
    corners = tuple((x * _FRAME[0], y * _FRAME[1]) for x, y in shot.corners)
    sheet, cover = _seen_from_above(page, corners)
    shadow = ImageChops.offset(cover, 14, 20).filter(ImageFilter.GaussianBlur(16)).point(lambda v: v * 0.62)
    ground.paste((14, 10, 8), mask=shadow)
    ground.paste(sheet, mask=cover.filter(ImageFilter.GaussianBlur(1)))
    return _developed(ground, shot, rng)


def main(folder: Path) -> None:
    """Write every menu into `folder` as a JPEG."""
    for name in MENUS:
        render(name).save(folder / f"{name}.jpg", quality=QUALITY, optimize=True)


# The camera


def _seen_from_above(page: Image.Image, corners: tuple[_Corner, ...]) -> tuple[Image.Image, Image.Image]:
    """The page within the frame, its corners where they are asked for, and the mask of where it lies."""
    width, height = page.size
    flat = ((0, 0), (width, 0), (width, height), (0, height))
    equations, targets = [], []
    for (u, v), (x, y) in zip(flat, corners, strict=True):
        equations += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        targets += [u, v]
    homography = np.linalg.solve(np.array(equations, dtype=np.float64), np.array(targets, dtype=np.float64))

    def seen(image: Image.Image) -> Image.Image:
        return image.transform(
            _FRAME, Image.Transform.PERSPECTIVE, tuple(homography.tolist()), Image.Resampling.BICUBIC
        )

    return seen(page), seen(Image.new("L", page.size, 255))


def _developed(scene: Image.Image, shot: _Shot, rng: np.random.Generator) -> Image.Image:
    """The scene lit, softened, reduced and given its grain."""
    across, down = np.meshgrid(np.linspace(0, 1, _FRAME[0]), np.linspace(0, 1, _FRAME[1]))
    distance = np.hypot(across - shot.light_from[0], down - shot.light_from[1])
    strength = 1.22 - 0.44 * distance**1.4
    lit = np.asarray(scene, dtype=np.float64) * strength[..., None] * (np.array(shot.light) / 255)
    small = (
        Image.fromarray(lit.clip(0, 255).astype(np.uint8))
        .filter(ImageFilter.GaussianBlur(shot.blur * _SCALE))
        .resize(SIZE, Image.Resampling.LANCZOS)
    )
    grain = (rng.random((SIZE[1], SIZE[0], 1)) - 0.5) * 7
    return Image.fromarray((np.asarray(small) + grain).clip(0, 255).astype(np.uint8))


# What the menus lie on


def _clouds(rng: np.random.Generator, size: tuple[int, int], cells: tuple[int, int]) -> _Plane:
    """Smooth noise in -1..1: `cells` random values across and down, enlarged to `size`."""
    values = Image.fromarray((rng.random((cells[1], cells[0])) * 255).astype(np.uint8))
    return np.asarray(values.resize(size, Image.Resampling.BICUBIC), dtype=np.float64) / 127.5 - 1


def _shaded(base: _Colour, light: _Plane) -> Image.Image:
    return Image.fromarray((np.array(base) * (1 + light[..., None])).clip(0, 255).astype(np.uint8))


def _wood(rng: np.random.Generator) -> Image.Image:
    """Planks of oiled wood, their grain running across the frame."""
    width, height = _FRAME
    planks = 5
    light = np.zeros((height, width))
    for plank in range(planks):
        rows = slice(height * plank // planks, height * (plank + 1) // planks)
        size = (width, rows.stop - rows.start)
        grain = 0.16 * _clouds(rng, size, (5, 70)) + 0.12 * _clouds(rng, size, (3, 16))
        light[rows] = grain + 0.05 * _clouds(rng, size, (160, 120)) + rng.uniform(-0.12, 0.1)
        light[rows.stop - 5 : rows.stop] = -0.72
    return _shaded((124, 80, 48), light)


def _linen(rng: np.random.Generator) -> Image.Image:
    """A tablecloth: woven threads and slow folds."""
    across, down = np.meshgrid(np.arange(_FRAME[0]), np.arange(_FRAME[1]))
    weave = 0.035 * (np.sin(across * math.pi / 3) + np.sin(down * math.pi / 3))
    folds = 0.10 * _clouds(rng, _FRAME, (4, 3)) + 0.04 * _clouds(rng, _FRAME, (9, 14))
    return _shaded((171, 62, 54), weave + folds + 0.06 * _clouds(rng, _FRAME, (240, 320)))


def _wall(rng: np.random.Generator) -> Image.Image:
    """Painted brick, in running bond."""
    light = 0.07 * _clouds(rng, _FRAME, (240, 320)) + 0.06 * _clouds(rng, _FRAME, (6, 8))
    wall = _shaded((196, 186, 170), light)
    draw = ImageDraw.Draw(wall)
    for row, top in enumerate(range(0, _FRAME[1], 84)):
        draw.line((0, top, _FRAME[0], top), fill=(141, 132, 119), width=8)
        for left in range(-120 * (row % 2), _FRAME[0], 240):
            draw.line((left, top, left, top + 84), fill=(146, 137, 124), width=8)
    return wall.filter(ImageFilter.GaussianBlur(5))


# Type


class _Pen:
    """Writes on a page in one ink and one typeface, heavier or spaced out where a heading wants it."""

    def __init__(self, page: Image.Image, ink: _Colour) -> None:
        self._draw = ImageDraw.Draw(page)
        self._ink = ink

    def write(self, at: _Corner, text: str, size: float, *, anchor: str = "ls", bold: float = 0) -> None:
        font = ImageFont.load_default(size)
        self._draw.text(at, text, self._ink, font, anchor, stroke_width=bold, stroke_fill=self._ink)

    def spaced(self, at: _Corner, text: str, size: float, *, gap: float) -> None:
        """A line of separated letters, centred on `at`."""
        font = ImageFont.load_default(size)
        widths = [font.getlength(letter) + gap for letter in text]
        left = at[0] - (sum(widths) - gap) / 2
        for letter, width in zip(text, widths, strict=True):
            self.write((left, at[1]), letter, size, bold=0.6)
            left += width

    def rule(self, at: _Corner, length: float, *, width: int = 2) -> None:
        """A horizontal line centred on `at`."""
        x, y = at
        self._draw.line((x - length / 2, y, x + length / 2, y), fill=self._ink, width=width)

    def dots(self, start: float, end: float, baseline: float) -> None:
        """The dotted line that leads the eye from a dish to its price."""
        for x in np.arange(start, end, 9.0):
            self._draw.ellipse((x, baseline - 3, x + 2, baseline - 1), fill=self._ink)

    def dish(
        self, dish: _Dish, column: tuple[float, float], top: float, *, size: float, accent: _Pen
    ) -> float:
        """One dish: its name, dots, its price, a smaller line about it; returns where the next begins."""
        left, right = column
        font = ImageFont.load_default(size)
        self.write((left, top), dish.name, size, bold=0.4)
        accent.write((right, top), dish.price, size, anchor="rs", bold=0.4)
        accent.dots(left + font.getlength(dish.name) + 10, right - font.getlength(dish.price) - 10, top)
        self.write((left, top + size * 0.98), dish.about, size * 0.68)
        return top + size * (2.3 if dish.about else 1.75)


def _paper(rng: np.random.Generator, size: tuple[int, int], base: _Colour) -> Image.Image:
    """Heavy stock: fibre, a little foxing, and a crease where it is folded."""
    light = 0.018 * _clouds(rng, size, (size[0] // 3, size[1] // 3)) + 0.03 * _clouds(rng, size, (5, 7))
    crease = np.abs(np.linspace(-1, 1, size[1]) - 0.02)
    light -= (0.05 * np.exp(-((crease * 90) ** 2)))[:, None]
    return _shaded(base, light)


# The menus

_BURGUNDY: Final = (132, 32, 38)
_GREEN: Final = (24, 92, 78)
_AMBER: Final = (232, 168, 52)


def _trattoria(rng: np.random.Generator) -> Image.Image:
    page = _paper(rng, (900, 1240), (243, 234, 214))
    red, black = _Pen(page, _BURGUNDY), _Pen(page, (52, 42, 36))
    ImageDraw.Draw(page).rectangle((30, 30, 869, 1209), outline=_BURGUNDY, width=3)
    ImageDraw.Draw(page).rectangle((40, 40, 859, 1199), outline=_BURGUNDY, width=1)
    red.spaced((450, 128), "LA PERGOLA", 66, gap=12)
    black.spaced((450, 172), "TRATTORIA  ·  SINCE 1962", 21, gap=5)
    red.rule((450, 200), 330)
    columns = (
        (
            _Section("Antipasti", (
                _Dish("Bruschetta", "6.50", "tomato, basil, garlic"),
                _Dish("Caprese", "9.00", "buffalo mozzarella, tomato"),
                _Dish("Vitello tonnato", "12.50", "veal, tuna, capers"),
                _Dish("Fritto misto", "13.00", "squid, prawns, lemon"),
            )),
            _Section("Primi", (
                _Dish("Cacio e pepe", "11.50", "pecorino, black pepper"),
                _Dish("Gnocchi al pesto", "12.00", "potato, basil, pine nuts"),
                _Dish("Risotto ai funghi", "14.50", "porcini, thyme"),
                _Dish("Lasagne", "13.00", "slow-cooked beef ragu"),
            )),
        ),
        (
            _Section("Secondi", (
                _Dish("Saltimbocca", "19.00", "veal, sage, white wine"),
                _Dish("Branzino", "22.50", "sea bass, fennel, olives"),
                _Dish("Pollo arrosto", "16.50", "rosemary potatoes"),
                _Dish("Parmigiana", "14.00", "aubergine, tomato"),
            )),
            _Section("Dolci", (
                _Dish("Tiramisu", "7.00", "mascarpone, espresso"),
                _Dish("Panna cotta", "6.50", "red berries"),
                _Dish("Affogato", "5.50", "vanilla ice, coffee"),
                _Dish("Formaggi", "9.50", "four cheeses, honey"),
            )),
        ),
    )  # fmt: skip
    for (left, right), sections in zip(((84, 424), (476, 816)), columns, strict=True):
        top = 268.0
        for section in sections:
            red.spaced(((left + right) / 2, top), section.title.upper(), 31, gap=5)
            top += 58
            for dish in section.dishes:
                top = black.dish(dish, (left, right), top, size=32, accent=red) + 6
            top += 34
    red.rule((450, 1118), 560)
    black.write((450, 1154), "House wine  ·  glass 4.50  ·  half 11.00  ·  litre 19.00", 25, anchor="ms")
    black.write((450, 1184), "Cover charge 2.00. Please tell us about allergies.", 19, anchor="ms")
    return page


def _chalkboard(rng: np.random.Generator) -> Image.Image:
    size = (900, 1240)
    smears = 0.14 * _clouds(rng, size, (7, 9)) + 0.10 * _clouds(rng, size, (60, 14))
    board = _shaded((44, 50, 48), smears)
    layer = board.copy()
    chalk = _Pen(layer, (232, 232, 224))
    yellow, pink = _Pen(layer, (244, 208, 110)), _Pen(layer, (240, 150, 140))
    yellow.write((450, 150), "Today's Specials", 88, anchor="ms", bold=1.4)
    chalk.rule((450, 186), 560, width=5)
    sections = (
        _Section("Soup & Salad", (
            _Dish("Pumpkin soup, chili oil", "6.5"),
            _Dish("Lentil & feta salad", "8.9"),
        )),
        _Section("Mains", (
            _Dish("Burger, fries & slaw", "13.5"),
            _Dish("Fish of the day", "16.0"),
            _Dish("Mushroom tagliatelle", "12.5"),
            _Dish("Half roast chicken", "14.0"),
        )),
        _Section("Sweet", (
            _Dish("Apple crumble", "5.5"),
            _Dish("Chocolate tart", "5.9"),
        )),
    )  # fmt: skip
    top = 262.0
    for section in sections:
        pink.write((100, top), section.title, 54, bold=1)
        top += 68
        for dish in section.dishes:
            top = chalk.dish(dish, (100, 800), top, size=45, accent=yellow) - 6
        top += 38
    yellow.write((450, 1138), "Lunch deal: soup + main + coffee  16.9", 40, anchor="ms", bold=0.8)
    # Chalk skips the pores of the board.
    dust = Image.fromarray((150 + 105 * rng.random((1240, 900))).astype(np.uint8))
    board.paste(layer.filter(ImageFilter.GaussianBlur(0.8)), mask=dust)
    frame = _wood(rng).resize((980, 1320)).point(lambda v: v * 1.15)
    frame.paste(board, (40, 40))
    ImageDraw.Draw(frame).rectangle((38, 38, 941, 1281), outline=(38, 24, 16), width=5)
    return frame


def _noodles(rng: np.random.Generator) -> Image.Image:
    page = _paper(rng, (900, 1240), (250, 250, 246))
    draw, black = ImageDraw.Draw(page), _Pen(page, (40, 40, 42))
    green, white = _Pen(page, _GREEN), _Pen(page, (255, 255, 255))
    draw.rectangle((0, 0, 899, 190), fill=_GREEN)
    white.write((60, 112), "NOODLE HOUSE", 80, bold=1.6)
    white.write((62, 158), "eat in  ·  take away  ·  open daily 11.30 - 22.00", 28)
    draw.ellipse((752, 40, 862, 150), fill=_AMBER)
    green.write((807, 92), "MENU", 32, anchor="mm", bold=0.8)
    green.write((807, 120), "2 for 20", 17, anchor="mm")
    columns = (
        (
            _Section("Starters", (
                _Dish("1  Spring rolls", "4.20"),
                _Dish("2  Gyoza (6)", "5.80"),
                _Dish("3  Edamame", "3.90"),
                _Dish("4  Chicken satay", "6.20"),
                _Dish("5  Miso soup", "3.50"),
            )),
            _Section("Rice", (
                _Dish("20  Egg fried rice", "8.50"),
                _Dish("21  Green curry", "10.80"),
                _Dish("22  Katsu curry", "11.90"),
                _Dish("23  Bibimbap", "11.50"),
                _Dish("24  Crispy duck", "13.80"),
            )),
        ),
        (
            _Section("Noodles", (
                _Dish("10  Pad thai", "10.50"),
                _Dish("11  Shoyu ramen", "12.20"),
                _Dish("12  Miso ramen", "12.90"),
                _Dish("13  Beef pho", "11.80"),
                _Dish("14  Yaki udon", "10.90"),
            )),
            _Section("Drinks", (
                _Dish("30  Jasmine tea", "2.80"),
                _Dish("31  Iced lemon tea", "3.40"),
                _Dish("32  Mango lassi", "3.90"),
                _Dish("33  Lager 0.33 l", "3.80"),
                _Dish("34  Mineral water", "2.50"),
            )),
        ),
    )  # fmt: skip
    for (left, right), sections in zip(((56, 430), (474, 848)), columns, strict=True):
        top = 226
        for section in sections:
            draw.rectangle((left, top, right, top + 52), fill=_AMBER)
            green.write((left + 16, top + 38), section.title, 36, bold=0.9)
            line = top + 102.0
            for dish in section.dishes:
                line = black.dish(dish, (left + 6, right - 6), line, size=33, accent=green) + 14
            top += 462
    draw.rectangle((0, 1156, 899, 1239), fill=_GREEN)
    white.write((450, 1200), "All dishes available with tofu  ·  hot * medium * mild", 32, anchor="mm")
    return page


MENUS: Final = {
    "menu-trattoria": _Shot(
        page=_trattoria,
        ground=_wood,
        corners=((0.13, 0.085), (0.90, 0.05), (0.955, 0.955), (0.06, 0.945)),
        light_from=(0.1, 0.0),
        light=(255, 240, 214),
        blur=0.35,
        seed=1962,
    ),
    "menu-chalkboard": _Shot(
        page=_chalkboard,
        ground=_wall,
        corners=((0.10, 0.04), (0.93, 0.09), (0.90, 0.93), (0.07, 0.97)),
        light_from=(0.8, 0.1),
        light=(255, 250, 240),
        blur=0.45,
        seed=7,
    ),
    "menu-noodle-house": _Shot(
        page=_noodles,
        ground=_linen,
        corners=((0.17, 0.03), (0.97, 0.11), (0.86, 0.96), (0.03, 0.87)),
        light_from=(0.9, 0.2),
        light=(255, 247, 235),
        blur=0.4,
        seed=33,
    ),
}


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tagstream.samples.__file__).parent)
