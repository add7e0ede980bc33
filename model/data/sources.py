"""Dataset readers: folders, annotations, tables, shards, snapshots. Nothing is decoded."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from model.data import foreign_shards, label_folders, photograph, snapshot, table
from model.data.columns import REMOTE
from model.data.entries import Entries, Entry, Refusal, RefusalCause
from model.data.label_folders import place
from model.data.photograph import Photograph, Split
from model.data.reading import READ, Reading
from model.data.table import TableRow
from schemas.errors import ConfigurationError

SHARD: Final = ".tar"


def gather(source: Path, how: Reading = READ) -> Entries:
    """All labelled photographs at `source`; what each kind is told by is in `docs/data.md`.

    Raises `ConfigurationError` for what is no source, has no photographs or an empty label, and for a
    label's name that cannot be.
    """
    gathered = Entries.of(_read(source, how))
    if not gathered.found and not gathered.refused:
        raise ConfigurationError(
            f"{source}: no photographs; expected {source}/<label>/*.jpg, a table or shards"
        )
    return gathered


def gather_negatives(source: Path, how: Reading = READ) -> Entries:
    """All photographs at `source`, whatever its labels say, as photographs of none of the labels."""
    if source.is_dir() and not snapshot.is_snapshot(source) and not any(source.glob("*.tar")):
        return Entries.of(_pictures(source, how))
    if source.is_file() and source.suffix.lower() != SHARD:
        return Entries.of(_unlabelled(row, source, how) for row in table.rows(source))
    gathered = gather(source, how)
    return replace(gathered, found=tuple(map(_negative, gathered.found)))


def unlabelled(source: Path) -> Entries:
    """All photographs of a folder or a CSV, for a model to propose their labels. Raises as `gather`."""
    if not source.exists():
        raise ConfigurationError(f"{source}: there is no such folder or CSV file")
    if snapshot.is_snapshot(source) or source.suffix.lower() == SHARD:
        raise ConfigurationError(
            f"{source}: photographs in shards cannot be reviewed; name a folder or a CSV"
        )
    gathered = gather_negatives(source)
    if not gathered.found:
        raise ConfigurationError(f"{source}: no photographs")
    return gathered


def addresses(file: Path, *, base: str = "") -> list[str]:
    """The addresses in object storage that a table names, each once, in order; none for a shard."""
    if file.suffix.lower() == SHARD:
        return []
    every = (_address(row.path, base) for row in table.rows(file))
    return list(dict.fromkeys(address for address in every if address))


def _read(source: Path, how: Reading) -> Iterator[Entry | Refusal]:
    if source.is_file():
        return _shard(source) if source.suffix.lower() == SHARD else _from_table(source, how)
    if not source.is_dir():
        raise ConfigurationError(f"{source}: there is no such folder or file")
    if snapshot.is_snapshot(source):
        return _from_snapshot(source)
    label_folders.refuse_boxes(source)
    if files := label_folders.coco_files(source):
        return _from_coco(files, source, how)
    if sides := label_folders.sides(source):
        return _from_sides(sides, source, how)
    return _from_folder(source, how)


def _from_coco(files: Sequence[Path], source: Path, how: Reading) -> Iterator[Entry | Refusal]:
    """The pictures of each file, by their places below the folder that holds them all."""
    for file in files:
        for each in _from_table(file, how):
            beside = os.path.normpath(file.parent.relative_to(source) / each.place)
            yield each if each.place.startswith(REMOTE) else replace(each, place=beside)


def _from_sides(
    sides: tuple[tuple[Path, Split], ...], source: Path, how: Reading
) -> Iterator[Entry | Refusal]:
    """What the folder of each split holds; a label may be missing in one of them."""
    filled = frozenset(label for folder, _ in sides for label in label_folders.filled(folder, how))
    for folder, split in sides:
        beside = folder.relative_to(source).as_posix()
        for each in _from_folder(folder, how, elsewhere=filled):
            found = replace(each, place=f"{beside}/{each.place}")
            yield found if isinstance(found, Refusal) else found.on(split)


def _from_folder(source: Path, how: Reading, *, elsewhere: Collection[str] = ()) -> Iterator[Entry | Refusal]:
    if file := label_folders.table_in(source):
        return _from_table(file, how)
    if label_folders.is_annotated(source):
        return label_folders.annotated(source)
    if any(source.glob("*.tar")):
        return (each for shard in sorted(source.glob("*.tar")) for each in _shard(shard))
    return label_folders.labelled(source, how, elsewhere=elsewhere)


def _shard(shard: Path) -> Iterator[Entry | Refusal]:
    return foreign_shards.gather(shard, root=shard.name)


def _from_snapshot(source: Path) -> Iterator[Entry]:
    about = snapshot.describe(source)
    for photo in snapshot.photographs(source, about):
        yield Entry(photo, photo.path.name)


def _from_table(file: Path, how: Reading) -> Iterator[Entry | Refusal]:
    for row in table.rows(file, labelled=True):
        located = _located(row, file, how)
        if isinstance(located, Refusal):
            yield located
        elif row.is_review:
            yield _reviewed(row, located, how)
        elif not row.labels and not row.is_judged:
            yield Refusal(row.path, RefusalCause.UNLABELLED, f"{row.where}: no label")
        else:
            photo = row.photograph(located, forget_split=how.resplit)
            yield Entry(photo, row.path, by_person=row.is_handed_back)


def _reviewed(row: TableRow, path: Path, how: Reading) -> Entry | Refusal:
    """A person's word: said so, or told by labels or maybes that are no longer those that were suggested."""
    by_person = row.is_reviewed or row.is_corrected
    if not by_person and not how.accept_unreviewed:
        why = "nobody has reviewed it: write yes into its column `reviewed`, or --accept-unreviewed"
        return Refusal(row.path, RefusalCause.UNREVIEWED, why)
    if not by_person and not row.labels:
        return Refusal(
            row.path, RefusalCause.UNLABELLED, "the model suggests no label, and nobody has reviewed it"
        )
    return Entry(row.photograph(path, forget_split=how.resplit), row.path, by_person=by_person)


def _pictures(source: Path, how: Reading) -> Iterator[Entry]:
    """All pictures of a folder, each on the side that the folder of a split above it says."""
    files = photograph.folder(source, suffixes=how.suffixes)
    if not files:
        raise ConfigurationError(f"{source}: no photographs")
    splits = label_folders.split_folders(source)
    for path in files:
        split = next((split for folder, split in splits if folder in path.parents), Split.UNSET)
        yield Entry(Photograph(path, (), split), place(path, source))


def _unlabelled(row: TableRow, file: Path, how: Reading) -> Entry | Refusal:
    located = _located(row, file, how)
    if isinstance(located, Refusal):
        return located
    return Entry(row.photograph(located, is_none=True, forget_split=how.resplit), row.path)


def _located(row: TableRow, file: Path, how: Reading) -> Path | Refusal:
    if not row.path:
        raise ConfigurationError(f"{row.where}: the path is empty")
    if address := _address(row.path, how.base):
        found = (how.fetched or {}).get(address)
        why = (how.unfetched or {}).get(address, f"{address} was not fetched")
        return found or Refusal(row.path, RefusalCause.MISSING, why)
    path = file.parent / row.path
    return (
        path
        if path.is_file()
        else Refusal(row.path, RefusalCause.MISSING, f"{row.where}: there is no such file")
    )


def _address(path: str, base: str) -> str:
    """The address that `path` means; empty where it is a file."""
    return path if path.startswith(REMOTE) else base + path if base else ""


def _negative(found: Entry) -> Entry:
    return replace(found, photograph=replace(found.photograph, labels=()))
