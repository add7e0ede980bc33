"""Thumbnail sizes: how small a photograph is shown, and the revision of how it is made (ADR 44).

Neither pydantic nor Pillow in here: decoders import little.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

REVISION: Final = 1
"""Of the steps of `model.small_jpeg`: another one makes others, and what browsers have kept is stale."""


class ThumbnailSize(IntEnum):
    """Pixels of the longer side, at most: what is smaller stays as it is."""

    TINY = 128
    GRID = 256
    """Of pages with many."""
    LARGE = 1024
    """To look at one."""
