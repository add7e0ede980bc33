"""Drawn photographs, large enough to be imported, and the command that makes a version of them."""

from __future__ import annotations

from pathlib import Path
from random import Random

from PIL import Image, ImageDraw

LABELS = ("disc", "stripes")
TINY = ("--backbone", "tiny", "--size", "32", "--epochs", "2", "--batch-size", "8", "--threads", "1")


def drawn(folder: Path, *, of_each: int = 16) -> Path:
    """Red discs and blue stripes on noise, a folder a label; no two are alike."""
    chance = Random(7)
    for label in LABELS:
        (folder / label).mkdir(parents=True)
        for number in range(of_each):
            picture = Image.frombytes("RGB", (96, 80), chance.randbytes(96 * 80 * 3))
            (_disc if label == "disc" else _stripes)(ImageDraw.Draw(picture), chance)
            picture.save(folder / label / f"{label}{number}.png")
    return folder


def _disc(pen: ImageDraw.ImageDraw, chance: Random) -> None:
    left, top, side = chance.randint(5, 40), chance.randint(5, 30), chance.randint(25, 45)
    pen.ellipse((left, top, left + side, top + side), fill="red")


def _stripes(pen: ImageDraw.ImageDraw, chance: Random) -> None:
    for _ in range(chance.randint(1, 4)):
        top = chance.randint(0, 70)
        pen.rectangle((0, top, 96, top + chance.randint(4, 12)), fill="blue")
