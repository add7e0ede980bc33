"""Reading options: how sources are read."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from model.data import photograph

ANY: Final = photograph.SUFFIXES | photograph.FOREIGN


@dataclass(frozen=True, slots=True)
class Reading:
    """How sources are read."""

    leave_out: Collection[str] = ()
    """Labels that may be empty."""
    accept_unreviewed: bool = False
    """Rows of a review batch that nobody looked at count as they stand."""
    resplit: bool = False
    """Splits are forgotten, also what is none."""
    suffixes: frozenset[str] = ANY
    """Of the files in a folder that are pictures."""
    base: str = ""
    """Of a CSV from object storage: the address that its relative paths begin with."""
    fetched: Mapping[str, Path] | None = None
    """Files of the addresses that were fetched."""
    unfetched: Mapping[str, str] | None = None
    """Why the others could not be."""


READ: Final = Reading()
