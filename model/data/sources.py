"""Dataset readers: folders, annotations, CSVs, shards, snapshots. Nothing is decoded."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from model.data import foreign_shards, labels, photograph, snapshot, table
from model.data.entries import Entries, Entry, Refusal, RefusalCause
from model.data.photograph import Encoded, Photograph
from model.data.table import TableRow
from schemas.errors import ConfigurationError

REMOTE: Final = "s3://"
ANY: Final = photograph.SUFFIXES | photograph.FOREIGN
IMAGES: Final = "ImageSets"
ANNOTATIONS: Final = "Annotations"
REVIEW: Final = "review.csv"


@dataclass(frozen=True, slots=True)
class Reading:
    """How sources are read."""

    leave_out: Collection[str] = ()
    """Labels that may be empty."""
    accept_unreviewed: bool = False
    """Rows of a review batch that nobody looked at count as they stand."""
    base: str = ""
    """Of a CSV from object storage: the address that its relative paths begin with."""
    fetched: Mapping[str, Path] | None = None
    """Files of the addresses that were fetched."""
    unfetched: Mapping[str, str] | None = None
    """Why the others could not be."""


READ: Final = Reading()


def gather(source: Path, how: Reading = READ) -> Entries:
    """All labelled photographs at `source`; what each kind is told by is in `docs/data.md`.

    Raises `ConfigurationError` for what is no source, has no photographs or an empty label, and for a
    label's name that cannot be.
    """
    gathered = Entries.of(_read(source, how))
    if not gathered.found and not gathered.refused:
        raise ConfigurationError(
            f"{source}: no photographs; expected {source}/<label>/*.jpg, a CSV or shards"
        )
    return gathered


def gather_negatives(source: Path, how: Reading = READ) -> Entries:
    """All photographs at `source`, whatever its labels say, as photographs of none of the labels."""
    if source.is_dir() and not snapshot.is_snapshot(source) and not any(source.glob("*.tar")):
        found = tuple(Entry(Photograph(path, ()), _place(path, source)) for path in _files(source))
        if not found:
            raise ConfigurationError(f"{source}: no photographs")
        return Entries(found)
    if source.is_file() and source.suffix.lower() != ".tar":
        return Entries.of(_unlabelled(row, source, how) for row in table.rows(source))
    gathered = gather(source, how)
    return replace(gathered, found=tuple(map(_negative, gathered.found)))


def unlabelled(source: Path) -> Entries:
    """All photographs of a folder or a CSV, for a model to propose their labels. Raises as `gather`."""
    if not source.exists():
        raise ConfigurationError(f"{source}: there is no such folder or CSV file")
    if snapshot.is_snapshot(source) or source.suffix.lower() == ".tar":
        raise ConfigurationError(
            f"{source}: photographs in shards cannot be reviewed; name a folder or a CSV"
        )
    gathered = gather_negatives(source)
    if not gathered.found:
        raise ConfigurationError(f"{source}: no photographs")
    return gathered


def by_label(
    source: Path, *, leave_out: Collection[str] = (), suffixes: frozenset[str] = ANY
) -> Iterator[tuple[Path, str, list[Path]]]:
    """The folders in `source`, the labels that they are named after, and the pictures of each."""
    for folder in sorted(path for path in source.iterdir() if path.is_dir() and path.name[0] != "."):
        if folder.name not in leave_out:
            label = labels.checked(folder.name, where=str(folder))
            yield folder, label, photograph.folder(folder, suffixes=suffixes)


def addresses(file: Path, *, base: str = "") -> list[str]:
    """The addresses in object storage that a CSV names, each once, in order."""
    every = (_address(row.path, base) for row in table.rows(file))
    return list(dict.fromkeys(address for address in every if address))


def _read(source: Path, how: Reading) -> Iterator[Entry | Refusal]:
    if source.is_file():
        return _shard(source) if source.suffix.lower() == ".tar" else _from_table(source, how)
    if not source.is_dir():
        raise ConfigurationError(f"{source}: there is no such folder or file")
    if snapshot.is_snapshot(source):
        return _from_snapshot(source)
    if (source / REVIEW).is_file():
        return _from_table(source / REVIEW, how)
    if (source / IMAGES).is_dir() and (source / ANNOTATIONS).is_dir():
        return _from_annotations(source)
    if any(source.glob("*.tar")):
        return (each for shard in sorted(source.glob("*.tar")) for each in _shard(shard))
    return _from_folders(source, how)


def _shard(shard: Path) -> Iterator[Entry | Refusal]:
    return foreign_shards.gather(shard, root=shard.name)


def _from_folders(source: Path, how: Reading) -> Iterator[Entry | Refusal]:
    for folder, label, files in by_label(source, leave_out=how.leave_out):
        if not files:
            raise ConfigurationError(
                f"{folder}: no photographs for the label {label!r}; add some, or --leave-out {label!r}"
            )
        yield from (Entry(Photograph(path, (label,)), _place(path, source)) for path in files)
    for path in sorted(source.iterdir()):
        if path.is_file() and path.suffix.lower() in ANY and path.name[0] != ".":
            why = "it lies beside the folders of the labels, in none of them"
            yield Refusal(_place(path, source), RefusalCause.UNLABELLED, why)


def _from_annotations(source: Path) -> Iterator[Entry | Refusal]:
    """`ImageSets/a.jpg` with `Annotations/a.txt`, a label a line, `?label` for a maybe."""
    images = source / IMAGES
    spoken = set[Path]()
    for path in _files(images):
        note = (source / ANNOTATIONS / path.relative_to(images)).with_suffix(".txt")
        spoken.add(note)
        yield _annotated(path, note, place=_place(path, source))
    for note in sorted((source / ANNOTATIONS).rglob("*.txt")):
        if note not in spoken:
            yield Refusal(_place(note, source), RefusalCause.MISSING, f"no picture of its name in {IMAGES}")


def _annotated(path: Path, note: Path, *, place: str) -> Entry | Refusal:
    if not note.is_file():
        return Refusal(place, RefusalCause.UNLABELLED, f"there is no {note.name} in {ANNOTATIONS}")
    lines = note.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    held, doubted = labels.parted(lines, where=str(note))
    if not held and not doubted:
        why = f"{note.name} is empty; pictures of none of the labels are given with --negatives"
        return Refusal(place, RefusalCause.UNLABELLED, why)
    return Entry(Photograph(path, held, maybe=doubted), place)


def _from_snapshot(source: Path) -> Iterator[Entry]:
    about = snapshot.describe(source)
    for photo in snapshot.photographs(source, about):
        yield Entry(photo, photo.path.name)


def _from_table(file: Path, how: Reading) -> Iterator[Entry | Refusal]:
    is_review = table.is_review(file)
    for row in table.rows(file):
        located = _located(row, file, how)
        if isinstance(located, Refusal):
            yield located
        elif is_review:
            yield _reviewed(row, located, how)
        elif not row.labels and not row.is_judged:
            yield Refusal(row.path, RefusalCause.UNLABELLED, f"{row.where}: no label")
        else:
            yield Entry(row.photograph(located), row.path)


def _reviewed(row: TableRow, path: Encoded, how: Reading) -> Entry | Refusal:
    """A person's word: said so, or told by labels or maybes that are no longer those that were suggested."""
    by_person = row.is_reviewed or row.is_corrected
    if not by_person and not how.accept_unreviewed:
        why = "nobody has reviewed it: write yes into its column `reviewed`, or --accept-unreviewed"
        return Refusal(row.path, RefusalCause.UNREVIEWED, why)
    if not by_person and not row.labels:
        return Refusal(
            row.path, RefusalCause.UNLABELLED, "the model suggests no label, and nobody has reviewed it"
        )
    return Entry(row.photograph(path), row.path, by_person=by_person)


def _unlabelled(row: TableRow, file: Path, how: Reading) -> Entry | Refusal:
    located = _located(row, file, how)
    if isinstance(located, Refusal):
        return located
    return Entry(row.photograph(located, labels=()), row.path)


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


def _files(folder: Path) -> list[Path]:
    return photograph.folder(folder, suffixes=ANY)


def _place(path: Path, source: Path) -> str:
    return path.relative_to(source).as_posix()
