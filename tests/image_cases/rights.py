"""What is right of an image file: its pixels, its refusal or its tags; none of our decoders is asked.

Most files show one photograph, made 400 x 300 and stored in some way: their pixels are held against it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from struct import unpack_from
from typing import Final

import numpy as np
from PIL import AvifImagePlugin, Image

from model.preprocess import Pixels

SIDE: Final = 192
SAME: Final = 6.0
"""Levels of 255 that a lossy encoder moves the mean pixel by, at most."""
ALIKE: Final = 0.1
"""How far the scores of one scene may be apart that was encoded twice."""


@dataclass(frozen=True)
class Decoded:
    """What a file gave."""

    data: bytes
    pixels: Pixels | None
    refusal: str
    """Its code and message, as the command prints them; empty where there are pixels."""
    scores: Mapping[str, float]
    beside: Mapping[str, Mapping[str, float]]
    """The scores of all files of the folder, by name."""


@dataclass(frozen=True)
class Right:
    """What is right, in words, and whether it is so; `got` says what was found, for the table."""

    words: str
    holds: Callable[[Decoded], bool]
    got: Callable[[Decoded], str]


def picture(words: str, reference: Callable[[Decoded], Image.Image]) -> Right:
    """The file shows what `reference` shows."""

    def apart(seen: Decoded) -> float:
        if seen.pixels is None:
            return 255.0
        return float(np.abs(seen.pixels.astype(np.int16) - _planes(reference(seen))).mean())

    return Right(
        words,
        lambda seen: apart(seen) <= SAME,
        lambda seen: seen.refusal or f"pixels, {apart(seen):.1f} levels from it",
    )


def refused(code: str) -> Right:
    """The file is refused with this code."""
    return Right(
        code, lambda seen: seen.refusal.startswith(f"{code}:"), lambda seen: seen.refusal or "pixels"
    )


def scored_like(other: str) -> Right:
    """The file's scores are those of another file of its folder."""

    def apart(seen: Decoded) -> float:
        theirs = seen.beside.get(other, {})
        return max((abs(seen.scores[label] - theirs.get(label, 2)) for label in seen.scores), default=2)

    return Right(
        f"the scores of {other}",
        lambda seen: apart(seen) <= ALIKE,
        lambda seen: seen.refusal or f"scores {apart(seen):.2f} apart at most",
    )


def tagged() -> Right:
    """The file has scores; what it shows is nobody's copy."""
    return Right(
        "pixels",
        lambda seen: bool(seen.scores),
        lambda seen: (
            seen.refusal or ", ".join(f"{label} {score:.2f}" for label, score in seen.scores.items())
        ),
    )


def photograph(sample: Path) -> Callable[[Decoded], Image.Image]:
    """The photograph that most files show."""
    with Image.open(sample) as image:
        shown = image.convert("RGB").resize((400, 300))
    return lambda _seen: shown


def half_white(sample: Path, *, is_grey: bool) -> Callable[[Decoded], Image.Image]:
    """The photograph at 64 x 48, its left half white."""
    with Image.open(sample) as image:
        small = image.convert("RGB").resize((400, 300)).resize((64, 48))
    shown = (small.convert("L") if is_grey else small).convert("RGB")
    shown.paste((255, 255, 255), (0, 0, 32, 48))
    return lambda _seen: shown


def even(levels: tuple[int, int, int]) -> Callable[[Decoded], Image.Image]:
    """One colour all over."""
    return lambda _seen: Image.new("RGB", (SIDE, SIDE), levels)


def clean_aperture(seen: Decoded) -> Image.Image:
    """What the file's `clap` leaves of the whole picture, by the formula of ISO 14496-12, 12.1.4."""
    with AvifImagePlugin.AvifImageFile(BytesIO(seen.data)) as opened:
        image = opened.convert("RGB")
    numbers = unpack_from(">IIIIiIiI", seen.data, seen.data.index(b"clap") + 4)
    width, height, across, down = (Fraction(*numbers[at : at + 2]) for at in (0, 2, 4, 6))
    left = across + Fraction(image.width - 1, 2) - (width - 1) / 2
    top = down + Fraction(image.height - 1, 2) - (height - 1) / 2
    return image.crop((int(left), int(top), int(left + width), int(top + height)))


def _planes(image: Image.Image) -> Pixels:
    small = image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    return np.asarray(small, dtype=np.uint8).transpose(2, 0, 1)
