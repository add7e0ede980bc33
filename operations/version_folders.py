"""Folders of model versions: found by what people give, and copied whole or not at all."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from model import checkpoint
from model.atomic_folders import building
from schemas.errors import ConfigurationError

PACKAGED: Final = "packaged"


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


def local_folder(given: str) -> Path | None:
    """The folder of a version that is here; None where `given` is to be fetched out of the registry.

    Raises `ConfigurationError` for what is neither.
    """
    if given == PACKAGED:
        return checkpoint.PACKAGED
    folder = Path(given)
    if "@" in given and not folder.exists():
        return None
    if not (folder / checkpoint.MANIFEST).is_file():
        raise ConfigurationError(
            f"{given}: no model version; wanted is a folder with a manifest.json, NAME@ALIAS of the "
            f"registry, or {PACKAGED!r}"
        )
    return folder
