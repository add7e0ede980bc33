"""Which version a command means: the one inside the package, an alias of the registry, or a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from schemas.errors import ConfigurationError

PACKAGED: Final = "packaged"


def resolve(said: str) -> Path:
    """The folder of the version that `said` names. Raises `ConfigurationError`."""
    from model import checkpoint  # noqa: PLC0415

    if said == PACKAGED:
        return checkpoint.PACKAGED
    folder = Path(said)
    if "@" in said and not folder.exists():
        from tagstream.model.registry_here import fetched  # noqa: PLC0415

        return fetched(said)
    if not (folder / checkpoint.MANIFEST).is_file():
        raise ConfigurationError(
            f"{said}: no model version; wanted is a folder with a manifest.json, NAME@ALIAS of the "
            f"registry, or {PACKAGED!r}"
        )
    return folder
