"""Labelled photographs as training takes them, from `DIR/<label>/*` or from a CSV; nothing is decoded."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol

from schemas.errors import ConfigurationError

SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif", ".avif", ".heic", ".heif", ".hif"})
COLUMNS: Final = ("path", "label")
FEWEST: Final = 2
"""Labels of a dataset, and photographs of a label: one to learn from, one to choose by."""
VAL_SHARE: Final = 0.2
"""Of each label, where the dataset does not say which photographs are for choosing."""


class Split(StrEnum):
    """What a photograph is for."""

    TRAIN = "train"
    VAL = "val"
    TEST = "test"
    UNSET = ""
    """The dataset does not say; `divide` decides."""


class Encoded(Protocol):
    """Where the bytes of a photograph lie: a file of its own, or a piece of a shard."""

    @property
    def name(self) -> str:
        """For messages and digests; without the folders above it."""

    def read_bytes(self) -> bytes:
        """The encoded image; raises `OSError`."""


@dataclass(frozen=True, slots=True)
class Photograph:
    """An encoded image and its true tags, the main one first; no tags at all make it a negative."""

    path: Encoded
    """A `pathlib.Path` is one."""
    labels: tuple[str, ...]
    split: Split = Split.UNSET
    source: str = ""
    """Where it came from. Photographs of one source look alike, so sources are weighed, not pictures."""

    @property
    def main(self) -> str:
        """The dominant tag, empty for a negative."""
        return self.labels[0] if self.labels else ""


@dataclass(frozen=True, slots=True)
class Dataset:
    """All labels, sorted, and all photographs, each with its split."""

    labels: tuple[str, ...]
    photographs: tuple[Photograph, ...]

    def of(self, split: Split) -> tuple[Photograph, ...]:
        """The photographs and the negatives of one split."""
        return tuple(photo for photo in self.photographs if photo.split is split)

    @property
    def digest(self) -> str:
        """sha256 over every file's name, tags and split: says which data, without the data."""
        lines = sorted(f"{p.path.name}|{';'.join(p.labels)}|{p.split}" for p in self.photographs)
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def read(source: Path, *, negatives: Path | None = None) -> Dataset:
    """The dataset at `source`, with `negatives` (photographs of none of the labels) in it.

    Raises `ConfigurationError` for what cannot be learned from: no photographs, one label, a label with
    one photograph, a CSV that lacks a column or names a file that is not there.
    """
    photographs = _photographs(source)
    labels = tuple(sorted({label for photo in photographs for label in photo.labels}))
    _refuse_unlearnable(source, labels=labels, photographs=photographs)
    divided = divide(photographs)
    return Dataset(labels, (*divided, *_negatives(negatives, beside=divided)))


def divide(photographs: Sequence[Photograph]) -> tuple[Photograph, ...]:
    """The photographs with a split each: their own, else a fifth of every label to val, by name's digest."""
    groups: dict[str, list[Photograph]] = defaultdict(list)
    for photo in photographs:
        if photo.split is Split.UNSET:
            groups[photo.main].append(photo)
    val = {photo.path for group in groups.values() for photo in _fifth(group)}
    return tuple(
        replace(photo, split=Split.VAL if photo.path in val else Split.TRAIN)
        if photo.split is Split.UNSET
        else photo
        for photo in photographs
    )


def _fifth(group: list[Photograph]) -> list[Photograph]:
    ordered = sorted(group, key=lambda photo: hashlib.sha256(photo.path.name.encode()).digest())
    return ordered[: max(1, round(len(group) * VAL_SHARE))]


def _photographs(source: Path) -> list[Photograph]:
    if source.is_dir():
        return list(_from_folder(source))
    if source.is_file():
        return list(_from_csv(source, labelled=True))
    raise ConfigurationError(f"{source}: there is no such folder or CSV file")


def _from_folder(folder: Path) -> Iterable[Photograph]:
    for inner in sorted(path for path in folder.iterdir() if path.is_dir() and path.name[0] != "."):
        files = _pictures(inner)
        if not files:
            raise ConfigurationError(f"{inner}: no photographs for the label {inner.name!r}")
        for path in files:
            yield Photograph(path, labels=(inner.name,))


def _pictures(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)


def _from_csv(file: Path, *, labelled: bool) -> Iterable[Photograph]:
    with file.open(newline="", encoding="utf-8") as lines:
        reader = csv.DictReader(lines)
        missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
        if missing:
            raise ConfigurationError(f"{file}: no column {', '.join(missing)}")
        for number, row in enumerate(reader, start=2):
            yield _row(row, folder=file.parent, labelled=labelled, where=f"{file}, line {number}")


def _row(row: dict[str, str], *, folder: Path, labelled: bool, where: str) -> Photograph:
    path = folder / row["path"]
    if not path.is_file():
        raise ConfigurationError(f"{where}: {row['path']} is not there")
    split = row.get("split") or ""
    if split not in set(Split):
        raise ConfigurationError(f"{where}: split {split!r} is not train, val or test")
    labels = _tags(row, where=where) if labelled else ()
    return Photograph(path, labels=labels, split=Split(split), source=row.get("source") or "")


def _tags(row: dict[str, str], *, where: str) -> tuple[str, ...]:
    main = row["label"].strip()
    if not main:
        raise ConfigurationError(f"{where}: the label is empty")
    every = [tag.strip() for tag in (row.get("labels") or main).split(";") if tag.strip()]
    return (main, *(tag for tag in dict.fromkeys(every) if tag != main))


def _refuse_unlearnable(source: Path, *, labels: tuple[str, ...], photographs: Sequence[Photograph]) -> None:
    if not photographs:
        raise ConfigurationError(f"{source}: no photographs; expected {source}/<label>/*.jpg or a CSV")
    if len(labels) < FEWEST:
        raise ConfigurationError(f"{source}: only the label {labels[0]!r}; at least two are needed")
    counts = Counter(photo.main for photo in photographs)
    for label in labels:
        if counts[label] < FEWEST:
            raise ConfigurationError(
                f"{source}: {counts[label]} photograph of {label!r}; at least 2 are needed"
            )


def _negatives(source: Path | None, *, beside: Sequence[Photograph]) -> tuple[Photograph, ...]:
    """The negatives, each on the side of its source's photographs, so that no source is on two sides."""
    if source is None:
        return ()
    found = [Photograph(path, labels=()) for path in _pictures(source)] if source.is_dir() else []
    found = found or (list(_from_csv(source, labelled=False)) if source.is_file() else [])
    if not found:
        raise ConfigurationError(f"{source}: no negatives; expected a folder of photographs or a CSV")
    if not any(photo.source for photo in found):
        return divide(found)
    sides = _sides(beside)
    return tuple(
        replace(photo, split=sides.get(photo.source, Split.TEST)) if photo.split is Split.UNSET else photo
        for photo in found
    )


def _sides(photographs: Sequence[Photograph]) -> dict[str, Split]:
    """For each source the split of its photographs; of several the one nearest to training."""
    sides: dict[str, Split] = {}
    for split in (Split.TEST, Split.VAL, Split.TRAIN):
        sides |= {photo.source: split for photo in photographs if photo.split is split and photo.source}
    return sides
