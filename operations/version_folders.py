"""A version's folder copied, whole or not at all."""

from __future__ import annotations

import shutil
from pathlib import Path

from model.atomic_folders import building
from schemas.errors import ConfigurationError


def refuse_existing(folder: Path | None) -> None:
    """Raises `ConfigurationError` for a folder that is there already."""
    if folder is not None and folder.exists():
        raise ConfigurationError(f"--output {folder}: it is there already; name another folder")


def copied(folder: Path, target: Path) -> Path:
    """`target`, which is a copy of `folder` now. Raises `ConfigurationError`."""
    refuse_existing(target)
    try:
        with building(target.parent, prefix=f".{target.name}.") as made:
            shutil.copytree(folder, made / "copy").rename(target)
    except OSError as error:
        raise ConfigurationError(f"--output {target}: {error.strerror or error}") from error
    return target
