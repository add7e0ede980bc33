"""Cache folder of the user, by the XDG base directory specification."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path


def cache_home() -> Path:
    """`$XDG_CACHE_HOME/tagstream`, or the same below `~/.cache`. What is in it may be deleted at any time."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tagstream"


def cache_file(kind: str, *depends_on: object, suffix: str) -> Path:
    """The file in the folder `kind` for what depends on all of these, which print alike if they are alike."""
    digest = hashlib.sha256(repr(depends_on).encode()).hexdigest()
    return cache_home() / kind / f"{digest}{suffix}"
