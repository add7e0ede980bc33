"""Camera simulation: a flat page as if it lay somewhere, askew, in some light, a little out of focus."""

from __future__ import annotations

from random import Random
from typing import Final

import numpy as np
from PIL import Image, ImageFilter

ASKEW: Final = 0.09
"""How far a corner is off, as a share of the side."""


def photographed(page: Image.Image, dice: Random) -> Image.Image:
    """`page` on a table, in its light."""
    width, height = page.size
    room = dice.uniform(1.1, 1.7)
    size = int(width * room), int(height * room)
    left, top = (size[0] - width) * dice.random(), (size[1] - height) * dice.random()
    flat = ((0.0, 0.0), (width, 0.0), (width, height), (0.0, height))
    corners = [
        (left + x + dice.uniform(-ASKEW, ASKEW) * width, top + y + dice.uniform(-ASKEW, ASKEW) * height)
        for x, y in flat
    ]
    seen = perspective(corners, flat)
    table = _table(size, dice)
    mask = Image.new("L", page.size, 255)
    placed, where = (
        each.transform(size, Image.Transform.PERSPECTIVE, seen, Image.Resampling.BICUBIC)
        for each in (page, mask)
    )
    table.paste(placed, (0, 0), where)
    return lit(table, dice).filter(ImageFilter.GaussianBlur(dice.uniform(0, 1.5)))


def lit(image: Image.Image, dice: Random) -> Image.Image:
    """`image` under light that falls off to one side, and has a colour."""
    pixels = np.asarray(image, dtype=np.float64)
    high, wide = pixels.shape[:2]
    across = dice.uniform(-0.35, 0.35) * np.linspace(-1, 1, wide)[None, :]
    down = dice.uniform(-0.35, 0.35) * np.linspace(-1, 1, high)[:, None]
    light = (1 + across + down) * dice.uniform(0.65, 1.05)
    tint = np.array([dice.uniform(0.9, 1.05), 1.0, dice.uniform(0.75, 1.05)])
    return Image.fromarray((pixels * light[..., None] * tint).clip(0, 255).astype(np.uint8))


def perspective(
    corners: list[tuple[float, float]], flat: tuple[tuple[float, float], ...]
) -> tuple[float, ...]:
    """Pillow's eight coefficients of the perspective that takes four `corners` to their places in `flat`."""
    rows = []
    for (x, y), (u, v) in zip(corners, flat, strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y])
    wanted = np.array([side for place in flat for side in place], dtype=np.float64)
    return tuple(np.linalg.solve(np.array(rows, dtype=np.float64), wanted).tolist())


def _table(size: tuple[int, int], dice: Random) -> Image.Image:
    """A surface of some colour, with grain."""
    wide, high = size
    noise = np.random.default_rng(dice.getrandbits(32)).normal(
        128, dice.uniform(4, 30), (high // 8 + 2, wide // 60 + 2)
    )
    grain = (
        np.asarray(Image.fromarray(noise.clip(0, 255).astype(np.uint8)).resize(size), dtype=np.float64) - 128
    )
    base = np.array([dice.randint(20, 220) for _ in range(3)], dtype=np.float64)
    return Image.fromarray((base + grain[..., None]).clip(0, 255).astype(np.uint8))
