"""A page, refused before the work where it could not be kept."""

from __future__ import annotations

import os
from pathlib import Path

from schemas.errors import ConfigurationError


def refuse_unwritable(file: Path | None) -> None:
    """Raises `ConfigurationError` before long work whose page could not be kept."""
    if file is None:
        return
    if file.is_dir():
        raise ConfigurationError(f"{file}: a folder; name the file, as in report.html")
    if not os.access(file.parent, os.W_OK):
        raise ConfigurationError(f"{file.parent}: there is no such folder, or nothing can be written to it")
