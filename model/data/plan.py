"""Snapshot plan: what an import is told, and what it makes of the photographs before it writes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from model.data.division import Divided, SplitOptions
from model.data.inspecting import SMALLEST, Seen
from model.data.near_duplicates import Nearness
from model.data.photograph import Photograph, Split
from model.data.selection import Selected
from model.data.snapshot import Placed

DIVIDE: Final = SplitOptions()
NEAR: Final = Nearness()


@dataclass(frozen=True, slots=True)
class SnapshotPlan:
    """How the snapshot is to be made."""

    name: str = "photos"
    how: SplitOptions = DIVIDE
    nearness: Nearness = NEAR
    smallest: int = SMALLEST
    resplit: bool = False
    """Forget the splits that the data brings."""
    merge_conflicts: bool = False
    """Of a picture under two labels both are true; else it is left out."""
    leave_out: tuple[str, ...] = ()
    """Labels that are forgotten."""


@dataclass(frozen=True, slots=True)
class Assembled:
    """All that goes into a snapshot."""

    placed: tuple[Placed, ...]
    labels: tuple[str, ...]
    selected: Selected
    groups: tuple[tuple[int, ...], ...]
    divided: Divided


def wished(seen: Seen, wanted: SnapshotPlan) -> Photograph:
    """The photograph with the split that it brings, unless that is to be forgotten."""
    photo = seen.found.photograph
    return replace(photo, split=Split.UNSET) if wanted.resplit else photo
