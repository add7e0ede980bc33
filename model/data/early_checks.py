"""Checks before a training that was not imported: what an import would have left out, found without decoding.

Every file is read once, for its digest and what its header says. What only a look at the pixels finds is left
to the import: damage behind the header (which training passes over, and says) and near duplicates.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from model.data import inspecting, selection
from model.data.dataset import Dataset
from model.data.entries import Entry
from model.data.photograph import Photograph

EXAMPLES: Final = 3
MEND: Final = "`tagstream data import` leaves out what should not be learned from"


@dataclass(frozen=True, slots=True)
class _Glance:
    """What a file is at a glance."""

    photograph: Photograph
    digest: str
    side: int
    """Pixels of the shorter one; 0 where the header cannot be read."""


def remarks(data: Dataset) -> Iterator[str]:
    """A line for each kind of thing that is amiss; a snapshot was checked when it was made."""
    found = [f"{each.place}: {each.why}" for each in data.refused]
    yield from _counted("is left out", "are left out", found)
    if data.stated:
        return
    glances = [glance for photo in data.photographs if (glance := _glance(photo))]
    lines = [*_of_each(glances), *_of_copies(glances)]
    yield from lines
    if lines or found:
        yield MEND


def _glance(photo: Photograph) -> _Glance | None:
    """None for what lies in a shard, or is gone."""
    if not isinstance(photo.path, Path):
        return None
    try:
        content = inspecting.read(Entry(photo, photo.path.name))
    except OSError:
        return _Glance(photo, "", 0)
    try:
        about = inspecting.frame(content)
    except Exception:  # noqa: BLE001 - what a header holds may raise anything
        return _Glance(photo, sha256(content).hexdigest(), 0)
    return _Glance(photo, sha256(content).hexdigest(), min(about.width, about.height))


def _of_each(glances: Sequence[_Glance]) -> Iterator[str]:
    broken = [_path(each.photograph) for each in glances if not each.side]
    small = [_path(each.photograph) for each in glances if 0 < each.side < inspecting.SMALLEST]
    yield from _counted("cannot be read", "cannot be read", broken)
    limit = f"fewer than {inspecting.SMALLEST} pixels on the shorter side"
    yield from _counted(f"has {limit}", f"have {limit}", small)


def _of_copies(glances: Sequence[_Glance]) -> Iterator[str]:
    groups: dict[str, list[Photograph]] = {}
    for each in glances:
        if each.digest:
            groups.setdefault(each.digest, []).append(each.photograph)
    copies = [group for group in groups.values() if len(group) > 1]
    disputed = [group for group in copies if selection.are_disputed(group)]
    across = [group for group in copies if len({photo.split for photo in group}) > 1]
    yield from _counted("is there twice", "are there more than once", _named(copies))
    yield from _counted(
        "stands under different labels, of which one must be wrong",
        "stand under different labels, of which one must be wrong",
        _named(disputed),
    )
    told = "on several sides of the split, so figures flatter"
    yield from _counted(f"stands {told}", f"stand {told}", _named(across))


def _named(groups: Sequence[Sequence[Photograph]]) -> list[str]:
    return [" = ".join(_shown(photo) for photo in group[:EXAMPLES]) for group in groups]


def _shown(photo: Photograph) -> str:
    return f"{_path(photo)} ({', '.join(photo.labels) or 'none'}, {photo.split or 'no split'})"


def _path(photo: Photograph) -> str:
    """With the folder that it lies in: names alone come twice."""
    return "/".join(photo.path.parts[-2:]) if isinstance(photo.path, Path) else photo.path.name


def _counted(one: str, many: str, examples: Sequence[str]) -> Iterator[str]:
    if examples:
        what = f"1 photograph {one}" if len(examples) == 1 else f"{len(examples)} photographs {many}"
        more = ", ..." if len(examples) > EXAMPLES else ""
        yield f"{what}: {', '.join(examples[:EXAMPLES])}{more}"
