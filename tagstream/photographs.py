"""Which files of a folder are photographs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

SUFFIXES: Final = frozenset(
    {".jpg", ".jpeg", ".jfif", ".png", ".webp", ".gif", ".avif", ".heic", ".heif", ".bmp", ".tif", ".tiff"}
)
"""More than what can be read: a photograph of another format is refused aloud, not left out in silence."""


def below(folder: Path) -> Iterator[Path]:
    """The photographs in `folder` and the folders below it, in the order of their names.

    Hidden files and folders are left out, and links to folders are not followed. A folder that
    cannot be listed is itself among the answers: whoever tries to read it says so.
    """
    closed: list[OSError] = []
    for where, folders, files in os.walk(folder, onerror=closed.append):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(where, name) for name in sorted(files) if is_photograph(name))
    yield from (Path(error.filename) for error in closed)


def is_photograph(name: str) -> bool:
    """Whether the file's name says that it is one."""
    return not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES
