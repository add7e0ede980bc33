"""Progress callback."""

from __future__ import annotations

from collections.abc import Callable

Tick = Callable[[str, int, int], None]
"""Told of progress: what is being done, how many are done, of how many."""


def silent(*_: object) -> None:
    """For whoever does not want to be told."""
