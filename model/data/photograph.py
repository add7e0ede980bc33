"""Photograph: an encoded image with its true labels, and which files of a folder are such."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol

SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".jfif", ".png", ".webp", ".gif", ".avif"}) | {
    *(".heic", ".heif", ".hif", ".tif", ".tiff", ".bmp"),
}

FOREIGN: Final = frozenset({".jxl"})
"""Pictures too by their names; an import tries them, so that what cannot be read is said."""


class Split(StrEnum):
    """What a photograph is for."""

    TRAIN = "train"
    VAL = "val"
    TEST = "test"
    UNSET = ""
    """The dataset does not say; it is divided when it is read."""


OTHER_SPLITS: Final = {
    "training": Split.TRAIN,
    "valid": Split.VAL,
    "validation": Split.VAL,
    "testing": Split.TEST,
}
"""What splits are called elsewhere."""


def split_named(name: str) -> Split | None:
    """The split that a folder or a cell means, in any case; None where it is no split's name."""
    lower = name.strip().lower()
    return Split(lower) if lower in set(Split) else OTHER_SPLITS.get(lower)


class Encoded(Protocol):
    """Where the bytes of a photograph lie: a file of its own, or a piece of a shard."""

    @property
    def name(self) -> str:
        """For messages and digests; without the folders above it."""

    def read_bytes(self) -> bytes:
        """The encoded image; raises `OSError`."""


@dataclass(frozen=True, slots=True)
class Photograph:
    """An encoded image with three-valued labels: of each tag yes, no or maybe.

    No tag that holds makes it a negative.
    """

    path: Encoded
    """A `pathlib.Path` is one."""
    labels: tuple[str, ...]
    """Tags that hold, the main one first."""
    split: Split = Split.UNSET
    source: str = ""
    """Where it came from. Photographs of one source look alike, so sources are weighed, not pictures."""
    maybe: tuple[str, ...] = ()
    """Tags of which reasonable people differ, or of which nobody has said anything: neither right nor wrong,
    so nothing is learned from them and nothing is judged by them. Every other tag does not hold."""

    @property
    def main(self) -> str:
        """The dominant tag, empty for a negative."""
        return self.labels[0] if self.labels else ""

    @property
    def is_none(self) -> bool:
        """Whether it is none of the labels beyond doubt."""
        return not self.labels and not self.maybe


def nearest_training(splits: set[Split]) -> Split:
    """Of several splits the one nearest to training: what was learned from can judge nothing."""
    return next((split for split in (Split.TRAIN, Split.VAL, Split.TEST) if split in splits), Split.UNSET)


def folder(place: Path, *, suffixes: frozenset[str] = SUFFIXES) -> list[Path]:
    """The pictures in `place` and the folders below it, by name; hidden ones are left out."""
    return sorted(_below(place, suffixes))


def _below(place: Path, suffixes: frozenset[str]) -> Iterator[Path]:
    for path in place.rglob("*"):
        is_hidden = any(part.startswith(".") for part in path.relative_to(place).parts)
        if path.suffix.lower() in suffixes and not is_hidden and path.is_file():
            yield path
