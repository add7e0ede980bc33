"""A page that is written whole or not at all."""

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


def keep(file: Path, text: str) -> None:
    """Write `text` as `file`. Raises `ConfigurationError`."""
    fresh = file.with_name(f".{file.name}.new")
    try:
        with fresh.open("w", encoding="utf-8") as target:
            target.write(text)
            target.flush()
            os.fsync(target.fileno())
        fresh.replace(file)
    except OSError as error:
        raise ConfigurationError(f"{file}: {error.strerror or error}") from error
    finally:
        fresh.unlink(missing_ok=True)
