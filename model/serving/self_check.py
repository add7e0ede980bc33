"""Golden images for the self-check, drawn here: they tell a broken device from a bad image."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import Final

import numpy as np
from PIL import Image, ImageDraw

SIDE: Final = 160


def draw() -> Mapping[str, bytes]:
    """File name to PNG: a menu, a plate, a head and shoulders, and a gradient; the same bytes every time."""
    pictures = {
        "menu.png": _menu(),
        "plate.png": _plate(),
        "portrait.png": _portrait(),
        "gradient.png": _gradient(),
    }
    return {name: _png(picture) for name, picture in pictures.items()}


def _menu() -> Image.Image:
    page = Image.new("RGB", (SIDE, SIDE), "#fbf6ea")
    pen = ImageDraw.Draw(page)
    pen.text((56, 8), "MENU", fill="#222222", font_size=18)
    for line in range(9):
        top = 36 + 13 * line
        pen.text(
            (10, top), ("Soup", "Salad", "Pasta", "Pizza", "Fish")[line % 5] + " of the day", fill="#333333"
        )
        pen.text((128, top), f"{7 + line}.50", fill="#333333")
    return page


def _plate() -> Image.Image:
    table = Image.new("RGB", (SIDE, SIDE), "#7a5230")
    pen = ImageDraw.Draw(table)
    pen.ellipse((14, 14, 146, 146), fill="#f4f4f0", outline="#c8c8c4", width=3)
    pen.ellipse((44, 40, 112, 104), fill="#a5562a")
    pen.ellipse((70, 76, 124, 122), fill="#d9a441")
    for x, y in ((56, 92), (66, 108), (84, 62), (96, 84)):
        pen.ellipse((x, y, x + 14, y + 12), fill="#3f7d33")
    return table


def _portrait() -> Image.Image:
    room = Image.new("RGB", (SIDE, SIDE), "#9db4c0")
    pen = ImageDraw.Draw(room)
    pen.ellipse((30, 104, 130, 210), fill="#2c3e67")
    pen.ellipse((50, 26, 110, 112), fill="#d8a684")
    pen.pieslice((46, 16, 114, 92), 180, 360, fill="#3b2417")
    for x in (64, 88):
        pen.ellipse((x, 62, x + 9, 68), fill="#ffffff", outline="#222222")
    pen.arc((66, 76, 94, 98), 20, 160, fill="#8c3b3b", width=3)
    return room


def _gradient() -> Image.Image:
    ramp = np.linspace(0, 255, SIDE).astype(np.uint8)
    across, down = np.meshgrid(ramp, ramp)
    return Image.fromarray(np.stack([across, down, 255 - across], axis=2))


def _png(picture: Image.Image) -> bytes:
    target = BytesIO()
    picture.save(target, "PNG", optimize=True)
    return target.getvalue()
