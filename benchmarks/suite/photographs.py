"""Photographs of two kinds: renditions of 320 px, as sites keep them, and full size, as cameras make them."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from statistics import mean
from typing import Final

import numpy as np
from PIL import Image, ImageOps

from tagstream import samples

SUFFIXES: Final = {".jpg", ".jpeg", ".png", ".webp"}
RENDITION_SIDE: Final = 320
QUALITY: Final = 87
FULL_SIZE: Final = (2592, 1944)
"""5 megapixels: what the samples, which are small, are enlarged to."""
GRAIN: Final = 6.0
"""Standard deviation of the noise that an enlarged sample gets, so that its file is large as a camera's."""
MOST: Final = 256
"""Of a kind: enough that no cache of pictures would help."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Photographs of one kind."""

    name: str
    files: tuple[bytes, ...]
    source: str
    """Where they are from, in words."""

    @property
    def about(self) -> str:
        """How many, and how large."""
        pixels = mean(_pixels(data) for data in self.files) / 1e6
        weight = mean(map(len, self.files)) / 1e3
        return f"{len(self.files)} distinct, {pixels:.2f} MP and {weight:,.0f} KB in the mean; {self.source}"


def kinds(folder: Path | None, renditions: Path | None) -> tuple[Kind, Kind]:
    """Both kinds: of the folders, else made from what is there. Raises `ValueError` for an empty folder."""
    full = _read(folder) if folder else tuple(map(_enlarged, samples.photographs()))
    full_source = f"the photographs given ({folder.name})" if folder else "the product's samples, enlarged"
    if renditions:
        small, small_source = _read(renditions), f"the renditions given ({renditions.name})"
    else:
        small = tuple(map(_reduced, full)) if folder else tuple(p.read_bytes() for p in samples.photographs())
        small_source = "reduced from those" if folder else "the product's samples"
    return Kind("renditions", small, small_source), Kind("full-size", full, full_source)


def _read(folder: Path) -> tuple[bytes, ...]:
    files = sorted(each for each in folder.rglob("*") if each.suffix.lower() in SUFFIXES)
    if not files:
        raise ValueError(f"{folder}: no photographs in it ({', '.join(sorted(SUFFIXES))})")
    step = max(1, len(files) // MOST)
    return tuple(each.read_bytes() for each in files[::step][:MOST])


def _reduced(data: bytes) -> bytes:
    with Image.open(BytesIO(data)) as image:
        upright = ImageOps.exif_transpose(image).convert("RGB")
        scale = RENDITION_SIDE / min(upright.size)
        if scale >= 1:
            return data
        width, height = (round(side * scale) for side in upright.size)
        return _jpeg(upright.resize((width, height), Image.Resampling.LANCZOS))


def _enlarged(path: Path) -> bytes:
    with Image.open(path) as image:
        large = image.convert("RGB").resize(FULL_SIZE, Image.Resampling.BICUBIC)
    grain = np.random.default_rng(1).normal(0, GRAIN, (FULL_SIZE[1], FULL_SIZE[0], 1))
    noisy = np.clip(np.asarray(large, dtype=np.float32) + grain, 0, 255).astype(np.uint8)
    return _jpeg(Image.fromarray(noisy))


def _jpeg(image: Image.Image) -> bytes:
    target = BytesIO()
    image.save(target, "JPEG", quality=QUALITY)
    return target.getvalue()


def _pixels(data: bytes) -> int:
    with Image.open(BytesIO(data)) as image:
        return image.width * image.height
