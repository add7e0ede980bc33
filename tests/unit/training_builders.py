"""Drawn photographs and a recipe of seconds, for the tests of training."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw

from model.training.recipe import Recipe

RECIPE = Recipe(architecture="tiny", epochs=2, batch_size=4, size=32, train_size=32, cache_size=40)
STEPS = 7
"""Of an epoch over `shapes`: 26 photographs to learn from, 4 at a time."""


def shapes(folder: Path, *, of_each: int = 16) -> Path:
    """Discs and stripes, a folder each."""
    for number in range(of_each):
        for label in ("disc", "stripes"):
            (folder / label).mkdir(parents=True, exist_ok=True)
            shape(label, number=number).save(folder / label / f"{label}{number}.png")
    return folder


def shape(label: str, *, number: int) -> Image.Image:
    """A red disc or blue stripes on grey."""
    picture = Image.new("RGB", (50, 40), (8 * number, 8 * number, 8 * number))
    pen = ImageDraw.Draw(picture)
    if label == "disc":
        pen.ellipse((5, 5, 40, 35), fill="red")
    else:
        pen.rectangle((0, 5 + number % 10, 50, 20 + number % 10), fill="blue")
    return picture
