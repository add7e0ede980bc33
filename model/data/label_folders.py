"""Folder readers: a folder a label, below folders of splits or not; pictures beside their annotations."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final

from model.data import labels, photograph, table
from model.data.entries import Entry, Refusal, RefusalCause
from model.data.photograph import Photograph, Split, split_named
from model.data.reading import ANY, Reading
from schemas.errors import ConfigurationError

IMAGES: Final = "ImageSets"
ANNOTATIONS: Final = "Annotations"
REVIEW: Final = "review.csv"
TABLES: Final = ("metadata.csv", "metadata.jsonl", "_classes.csv", "_annotations.coco.json")
"""Files of labels beside the pictures: those of Hugging Face, and those of Roboflow."""

PICTURES: Final = "images"
"""What is often between a data set's folder and those of its splits."""


def by_label(
    source: Path, *, leave_out: Collection[str] = (), suffixes: frozenset[str] = ANY
) -> Iterator[tuple[Path, str, list[Path]]]:
    """The folders in `source`, the labels that they are named after, and the pictures of each."""
    for folder in _folders(source):
        if folder.name not in leave_out:
            label = labels.checked(folder.name, where=str(folder))
            yield folder, label, photograph.folder(folder, suffixes=suffixes)


def sides(source: Path) -> tuple[tuple[Path, Split], ...]:
    """The folders of splits in `source`, or in its folder `images`, that are above what is labelled.

    Folders that hold nothing but pictures are labels, whatever their names, and so are those beside others.
    """
    splits = split_folders(source)
    is_above = any(_holds(folder, "*/**/*") or table_in(folder) for folder, _ in splits)
    return splits if is_above else ()


def split_folders(source: Path) -> tuple[tuple[Path, Split], ...]:
    """The folders in `source`, or its `images`, that hold pictures, where all are named as splits."""
    folders = [folder for folder in _folders(source) if _holds(folder, "**/*")]
    if [folder.name for folder in folders] == [PICTURES]:
        return split_folders(source / PICTURES)
    splits = [(folder, split) for folder in folders if (split := split_named(folder.name))]
    return tuple(splits) if len(splits) == len(folders) else ()


def table_in(folder: Path) -> Path | None:
    """The file in `folder` that says what its pictures show; None where their folders do."""
    if (folder / REVIEW).is_file():
        return folder / REVIEW
    files = (folder / name for name in TABLES)
    return next((file for file in files if file.is_file() and table.is_labelled(file)), None)


def coco_files(source: Path) -> list[Path]:
    """COCO's own layout: `annotations/instances_train2017.json` and so on, beside the folders of pictures."""
    return sorted((source / "annotations").glob("instances_*.json"))


def refuse_boxes(source: Path) -> None:
    """Raise `ConfigurationError` for YOLO's boxes: their folders would be taken for labels."""
    if (source / "data.yaml").is_file() and any(source.rglob("labels/*.txt")):
        raise ConfigurationError(f"{source}: boxes of YOLO are not read; export them as COCO")


def filled(source: Path, how: Reading) -> frozenset[str]:
    """The labels of which there are pictures in `source`."""
    every = by_label(source, leave_out=how.leave_out, suffixes=how.suffixes)
    return frozenset(label for _, label, files in every if files)


def labelled(source: Path, how: Reading, *, elsewhere: Collection[str] = ()) -> Iterator[Entry | Refusal]:
    """The pictures of each label's folder, and what lies beside these folders.

    Raises `ConfigurationError` for a label without pictures, unless it has some `elsewhere`.
    """
    for folder, label, files in by_label(source, leave_out=how.leave_out, suffixes=how.suffixes):
        if not files and label not in elsewhere:
            raise ConfigurationError(
                f"{folder}: no photographs for the label {label!r}; add some, or --leave-out {label!r}"
            )
        yield from (Entry(Photograph(path, (label,)), place(path, source)) for path in files)
    for path in sorted(source.iterdir()):
        if path.is_file() and path.suffix.lower() in ANY and path.name[0] != ".":
            why = "it lies beside the folders of the labels, in none of them"
            yield Refusal(place(path, source), RefusalCause.UNLABELLED, why)


def is_annotated(source: Path) -> bool:
    """Whether pictures and annotations lie there in folders of their own."""
    return (source / IMAGES).is_dir() and (source / ANNOTATIONS).is_dir()


def annotated(source: Path) -> Iterator[Entry | Refusal]:
    """`ImageSets/a.jpg` with `Annotations/a.txt`, a label a line, `?label` for a maybe."""
    images = source / IMAGES
    spoken = set[Path]()
    for path in photograph.folder(images, suffixes=ANY):
        note = (source / ANNOTATIONS / path.relative_to(images)).with_suffix(".txt")
        spoken.add(note)
        yield _annotated(path, note, place=place(path, source))
    for note in sorted((source / ANNOTATIONS).rglob("*.txt")):
        if note not in spoken:
            yield Refusal(place(note, source), RefusalCause.MISSING, f"no picture of its name in {IMAGES}")


def place(path: Path, source: Path) -> str:
    """Where people find it again."""
    return path.relative_to(source).as_posix()


def _annotated(path: Path, note: Path, *, place: str) -> Entry | Refusal:
    if not note.is_file():
        return Refusal(place, RefusalCause.UNLABELLED, f"there is no {note.name} in {ANNOTATIONS}")
    lines = note.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    held, doubted = labels.parted(lines, where=str(note))
    if not held and not doubted:
        why = f"{note.name} is empty; pictures of none of the labels are given with --negatives"
        return Refusal(place, RefusalCause.UNLABELLED, why)
    return Entry(Photograph(path, held, maybe=doubted), place)


def _holds(folder: Path, pattern: str) -> bool:
    return any(path.suffix.lower() in ANY for path in folder.glob(pattern))


def _folders(source: Path) -> list[Path]:
    return sorted(path for path in source.iterdir() if path.is_dir() and path.name[0] != ".")
