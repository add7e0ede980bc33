"""A version's folder copied, whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from schemas.errors import ConfigurationError


def refuse_existing(folder: Path | None) -> None:
    """Raises `ConfigurationError` for a folder that is there already."""
    if folder is not None and folder.exists():
        raise ConfigurationError(f"--output {folder}: it is there already; name another folder")


def copied(folder: Path, target: Path) -> Path:
    """`target`, which is a copy of `folder` now. Raises `ConfigurationError`."""
    refuse_existing(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as building:
            shutil.copytree(folder, Path(building) / "copy").rename(target)
    except OSError as error:
        raise ConfigurationError(f"--output {target}: {error.strerror or error}") from error
    return target
