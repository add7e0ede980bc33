"""A folder of drawn pages, with the CSVs that training and import read."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from PIL import Image

from model import atomic_folders
from model.data.progress import Tick, silent
from model.drawn_pages import camera, documents, graphics
from model.drawn_pages.menus import menu
from model.drawn_pages.paper import Paper
from schemas.errors import ConfigurationError

MENU: Final = "menu"
MENUS: Final = "menus.csv"
OTHERS: Final = "others.csv"
SIDE: Final = 420
"""Longer side of a picture, in pixels: more than any input, and room for crops."""

KINDS: Final[dict[str, Callable[[Paper], None]]] = {
    each.__name__: each
    for each in (
        *(documents.letter, documents.article, documents.table, documents.form),
        *(documents.contents, documents.listing, documents.screen),
        *(graphics.chart, graphics.poster, graphics.sign),
    )
}
"""What is no menu, drawn equally often."""


@dataclass(frozen=True, slots=True)
class PagesRequest:
    """What is to be drawn, and where it goes."""

    output: Path
    """A folder that is not there yet."""
    menus: int
    others: int
    label: str = "menu"
    seed: int = 0
    fonts: Path | None = None
    """A folder of .ttf and .otf files; without it all is in the type that comes with Pillow."""

    @property
    def wanted(self) -> list[tuple[str, int]]:
        """Kind and number of every page."""
        kinds = list(KINDS)
        others = [(kinds[number % len(kinds)], number // len(kinds)) for number in range(self.others)]
        return [*((MENU, number) for number in range(self.menus)), *others]


def write(request: PagesRequest, *, tick: Tick = silent) -> None:
    """Pictures, `menus.csv` (each of the label) and `others.csv` (none of the labels), whole or not at all.

    The same seed and fonts give the same pages. Raises `ConfigurationError` where the folder is there
    already, and for a folder of fonts without any.
    """
    if request.output.exists():
        raise ConfigurationError(f"{request.output} is there already; name another folder with --output")
    fonts, wanted = _fonts(request.fonts), request.wanted
    with atomic_folders.atomic_folder(request.output.absolute().parent) as within:
        folder = within / "pages"
        folder.mkdir()
        for done, (kind, number) in enumerate(wanted, start=1):
            page = drawn(kind, Random(f"{request.seed} {kind} {number}"), fonts)
            page.save(folder / _name(kind, number), quality=85)
            tick("drawing pages", done, len(wanted))
        _table(folder / MENUS, [each for each in wanted if each[0] == MENU], label=request.label)
        _table(folder / OTHERS, [each for each in wanted if each[0] != MENU], label="")
        if not atomic_folders.place_folder(folder, request.output):
            raise ConfigurationError(f"{request.output} was made meanwhile; name another folder")


def drawn(kind: str, dice: Random, fonts: Sequence[Path] = ()) -> Image.Image:
    """One page of that kind, flat or as if photographed; no side is longer than `SIDE`."""
    paper = Paper(dice, fonts)
    (menu if kind == MENU else KINDS[kind])(paper)
    is_photographed = dice.random() < 0.5  # noqa: PLR2004 - as often as not
    image = camera.photographed(paper.image, dice) if is_photographed else paper.image
    image.thumbnail((SIDE, SIDE))
    return image


def _fonts(folder: Path | None) -> tuple[Path, ...]:
    if folder is None:
        return ()
    found = tuple(sorted(path for path in folder.rglob("*") if path.suffix.lower() in {".ttf", ".otf"}))
    if not found:
        raise ConfigurationError(f"{folder}: no .ttf and no .otf in it; name a folder of fonts with --fonts")
    return found


def _name(kind: str, number: int) -> str:
    return f"{kind}-{number:04}.jpg"


def _table(file: Path, pages: Sequence[tuple[str, int]], *, label: str) -> None:
    """All of them for training: what is drawn judges nothing."""
    with file.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.writer(opened, lineterminator="\n")
        writer.writerow(("path", "label", "yes", "maybe", "split", "source"))
        for kind, number in pages:
            writer.writerow((_name(kind, number), label, label, "", "train", f"drawn/{kind}"))
