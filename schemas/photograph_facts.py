"""Photograph facts: what a photograph's file is, as whoever decoded it saw it.

Neither pydantic nor Pillow in here: decoders import little.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PhotographFacts:
    """Of one file."""

    width: int
    """Pixels across, as it is shown: upright."""
    height: int
    format: str
    """Told by its content, as in `jpeg`."""
