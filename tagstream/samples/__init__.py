"""Sample photographs: what `tagstream demo` uploads; where each comes from stands in LICENSES.md."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_FOLDER: Final = Path(__file__).parent
_SUFFIXES: Final = frozenset({".jpg", ".png", ".webp"})


def photographs() -> tuple[Path, ...]:
    """The sample photographs, sorted by name."""
    return tuple(sorted(path for path in _FOLDER.iterdir() if path.suffix in _SUFFIXES))
