"""Dataset: labelled photographs for training, from a snapshot, `DIR/<label>/*` or a CSV; none is decoded."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from model.data import division, photograph, snapshot, sources
from model.data.entries import Entries, Refusal
from model.data.photograph import Encoded, Photograph, Split
from model.data.reading import Reading
from schemas.errors import ConfigurationError

__all__ = ["Dataset", "Encoded", "Photograph", "Split", "read", "refuse_untrainable", "to_judge"]

READ: Final = Reading(suffixes=photograph.SUFFIXES)
FEWEST: Final = 2
"""Labels of a dataset, and photographs of a label: one to learn from, one to choose by."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """All labels, sorted, and all photographs, each with its split."""

    labels: tuple[str, ...]
    photographs: tuple[Photograph, ...]
    stated: str = ""
    """The digest of the snapshot that this is, and nothing but."""
    refused: tuple[Refusal, ...] = ()
    """What lay there and could not be taken."""

    def of(self, split: Split) -> tuple[Photograph, ...]:
        """The photographs and the negatives of one split."""
        return tuple(photo for photo in self.photographs if photo.split is split)

    @property
    def digest(self) -> str:
        """Says which data, without the data: a snapshot's own, else sha256 over names, tags and splits."""
        if self.stated:
            return self.stated
        lines = sorted(map(_line, self.photographs))
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def read(source: Path, *, negatives: Path | None = None) -> Dataset:
    """The dataset at `source`, with `negatives` (photographs of none of the labels) in it.

    A snapshot's shards are verified, and give each photograph's bytes by offset.

    Raises `ConfigurationError` for what cannot be learned from: no photographs, one label, a label with
    one photograph, a table that lacks a column or names a file that is not there, a corrupt shard.
    """
    if snapshot.is_snapshot(source):
        return _with_negatives(_from_snapshot(source), negatives)
    gathered = _gathered(source)
    photographs = [each.photograph for each in gathered.found]
    labels = tuple(sorted({label for photo in photographs for label in photo.labels}))
    _refuse_unlearnable(source, labels=labels, photographs=photographs)
    _refuse_doubted(source, labels=labels, photographs=photographs)
    divided = Dataset(labels, division.by_name(photographs), refused=gathered.refused)
    return _with_negatives(divided, negatives)


def to_judge(source: Path, *, split: Split, negatives: Path | None = None) -> Dataset:
    """The dataset at `source` as it is, where nothing is to be learned from it.

    One label and one photograph are enough. Where nothing of it has a split, all of it is to be judged as
    `test`, and keeps none; any other `split` is the one that `read` divides it into. Raises as `read` does.
    """
    if snapshot.is_snapshot(source):
        return read(source, negatives=negatives)
    gathered, of_none = _gathered(source), Entries() if negatives is None else _negatives(negatives)
    photographs, beside = (
        tuple(each.photograph for each in entries.found) for entries in (gathered, of_none)
    )
    labels = tuple(sorted({label for photo in photographs for label in photo.labels}))
    if split is not Split.TEST or any(photo.split for photo in photographs):
        photographs = division.by_name(photographs)
        beside = _beside(photographs, beside)
    return Dataset(labels, (*photographs, *beside), refused=(*gathered.refused, *of_none.refused))


def to_score(source: Path) -> tuple[Photograph, ...]:
    """The photographs at `source`, of which no labels need be known: also those of a plain folder.

    Raises as `read` does, and where there are none.
    """
    found = to_judge(source, split=Split.TEST).photographs
    if not found and source.is_dir():
        found = tuple(each.photograph for each in sources.gather_negatives(source, READ).found)
    if not found:
        raise ConfigurationError(f"{source}: no photographs; expected a folder of them, a snapshot or a CSV")
    return found


def refuse_untrainable(dataset: Dataset) -> None:
    """Raise `ConfigurationError` for a label of which no photograph is for training: it is only judged by."""
    for label, splits in division.sides_of_labels(dataset.labels, dataset.photographs).items():
        if not splits[Split.TRAIN]:
            where = " and ".join(sorted(split.value for split in splits))
            raise ConfigurationError(
                f"the label {label!r} is seen only in {where}, so nothing could learn it; give some of its "
                "photographs the split train, or take its rows out"
            )


def _from_snapshot(folder: Path) -> Dataset:
    about = snapshot.describe(folder)
    return Dataset(about.labels, snapshot.photographs(folder, about), stated=about.digest)


def _with_negatives(dataset: Dataset, negatives: Path | None) -> Dataset:
    if negatives is None:
        return dataset
    gathered = _negatives(negatives)
    found = _beside(dataset.photographs, [each.photograph for each in gathered.found])
    _refuse_doubted(negatives, labels=dataset.labels, photographs=found)
    refused = (*dataset.refused, *gathered.refused)
    return Dataset(dataset.labels, (*dataset.photographs, *found), refused=refused)


def _gathered(source: Path) -> Entries:
    """What is there, and what of a folder is no photograph of a label; of a table each row must be one."""
    if (source / "ImageSets").is_dir() or any(source.glob("*.tar")) or source.suffix.lower() == ".tar":
        raise ConfigurationError(
            f"{source}: annotations and shards are imported first, with `tagstream data import`"
        )
    if not source.exists():
        raise ConfigurationError(f"{source}: there is no such folder or table")
    gathered = sources.gather(source, READ)
    _refuse_lacking(source, gathered)
    return gathered


def _refuse_lacking(source: Path, gathered: Entries) -> None:
    if source.is_file() and gathered.refused:
        first = gathered.refused[0]
        raise ConfigurationError(f"{first.why} ({first.place}); `tagstream data import` leaves such rows out")


def _line(photo: Photograph) -> str:
    """What can be learned of it, for a digest."""
    said = f"{photo.path.name}|{';'.join(photo.labels)}|{photo.split}"
    return f"{said}|{';'.join(photo.maybe)}" if photo.maybe else said


def _nothing(source: Path) -> str:
    return f"{source}: no photographs; expected {source}/<label>/*.jpg or a CSV"


def _refuse_unlearnable(source: Path, *, labels: tuple[str, ...], photographs: Sequence[Photograph]) -> None:
    if not photographs:
        raise ConfigurationError(_nothing(source))
    if len(labels) < FEWEST:
        raise ConfigurationError(f"{source}: only the label {labels[0]!r}; at least two are needed")
    counts = Counter(photo.main for photo in photographs)
    for label in labels:
        if counts[label] < FEWEST:
            raise ConfigurationError(
                f"{source}: {counts[label]} photograph of {label!r}; at least 2 are needed"
            )


def _refuse_doubted(source: Path, *, labels: tuple[str, ...], photographs: Sequence[Photograph]) -> None:
    """Refuse a label that is a maybe and never holds: a slip of the pen, or nothing that could be learned."""
    doubted = {label for photo in photographs for label in photo.maybe} - set(labels)
    if doubted:
        raise ConfigurationError(
            f"{source}: {min(doubted)!r} stands only under maybe, so nothing could learn it: say of some"
            " photographs that it holds, or take it out there"
        )


def _negatives(source: Path) -> Entries:
    if not source.exists() or (source.is_dir() and not photograph.folder(source)):
        raise ConfigurationError(f"{source}: no negatives; expected a folder of photographs or a table")
    gathered = sources.gather_negatives(source, READ)
    _refuse_lacking(source, gathered)
    return gathered


def _beside(dataset: Sequence[Photograph], found: Sequence[Photograph]) -> tuple[Photograph, ...]:
    """The negatives, each on the side of its source's photographs, so that no source is on two sides."""
    if not any(photo.source for photo in found):
        return division.by_name(found)
    sides = division.sides_of_sources((photo.source, photo.split) for photo in dataset)
    return tuple(
        replace(photo, split=sides.get(photo.source, Split.TEST)) if photo.split is Split.UNSET else photo
        for photo in found
    )
