"""Which files of a folder are pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif", ".avif", ".heic", ".heif", ".hif"})

FOREIGN: Final = frozenset({".jfif", ".bmp", ".tif", ".tiff"})
"""Pictures too by their names; an import tries them, so that what cannot be read is said."""


def folder(place: Path, *, suffixes: frozenset[str] = SUFFIXES) -> list[Path]:
    """The pictures in `place` and the folders below it, by name; hidden ones are left out."""
    return sorted(_below(place, suffixes))


def _below(place: Path, suffixes: frozenset[str]) -> Iterator[Path]:
    for path in place.rglob("*"):
        is_hidden = any(part.startswith(".") for part in path.relative_to(place).parts)
        if path.suffix.lower() in suffixes and not is_hidden and path.is_file():
            yield path
