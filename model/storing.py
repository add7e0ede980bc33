"""Files that are whole or not there, and an error that says so when the disk is full."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from schemas.errors import ConfigurationError


def write(file: Path, data: bytes) -> None:
    """`data` as `file`, at once: synced under another name beside it, then renamed. Raises `OSError`."""
    fresh = file.with_name(f".{file.name}.new")
    try:
        with fresh.open("wb") as target:
            target.write(data)
            target.flush()
            os.fsync(target.fileno())
        fresh.replace(file)
    finally:
        fresh.unlink(missing_ok=True)


def keep(file: Path, text: str) -> None:
    """`text` as `file`, whole or not at all. Raises `ConfigurationError`."""
    try:
        write(file, text.encode())
    except OSError as error:
        raise ConfigurationError(f"{file}: {error.strerror or error}") from error


@contextmanager
def kept_room(folder: Path, *, what: str, then: str = "") -> Iterator[None]:
    """An `OSError` inside becomes a `ConfigurationError`: where `what` could not be written, and `then`."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigurationError(f"{folder}: {what} cannot be written: {reason}{then}") from error
