"""Where data folders hold erased images: labels, whose rows go, and snapshots and pictures, which are named.

A row of a table names an image by its address or by its id, or through the bytes of the file that it names. A
snapshot is immutable and its name is its digest: it is never altered, and what to do is said instead.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Final

from model import atomic_folders
from model.data import shards, snapshot
from model.data.document import FILE
from model.data.photograph import SUFFIXES
from model.data.progress import Tick, silent
from operations.erasure_receipt import DataLine
from schemas import csv_cells
from schemas.errors import ConfigurationError

_TABLES: Final = ".csv"
_SHEETS: Final = frozenset({".html"})
_ANEW: Final = (
    "import the rest anew (`tagstream data import`), train the next version on that, and delete the folder"
)
_DELETE: Final = "delete the file"
_UNREAD: Final = "snapshot that cannot be read"
_PICTURE: Final = "picture"


@dataclass(frozen=True, slots=True)
class Traces:
    """By what the images can be found in data."""

    names: frozenset[str] = field(default_factory=frozenset)
    """Their ids and addresses, as in `s3://photos/lunch.jpg`."""
    digests: frozenset[str] = field(default_factory=frozenset)
    """sha256 of their bytes."""

    @property
    def keys(self) -> frozenset[str]:
        """As the shards of a snapshot name them."""
        return frozenset(digest[: snapshot.KEY] for digest in self.digests)

    def name(self, text: str) -> bool:
        """Whether `text` is one of the images."""
        return text in self.names


def search(
    folders: Collection[Path], traces: Traces, *, is_dry: bool, tick: Tick = silent
) -> tuple[DataLine, ...]:
    """Every place below the folders that holds one of the images; rows of tables are removed unless dry.

    Raises `ConfigurationError` for a folder that is not there, or a file that cannot be read or written.
    """
    lines: list[DataLine] = []
    for folder in folders:
        if not folder.is_dir():
            raise ConfigurationError(f"--data {folder}: no such folder")
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        for done, file in enumerate(files, 1):
            lines += _in(file, traces, is_dry=is_dry)
            tick("searching the data", done, len(files))
    return tuple(lines)


def unnamed(lines: Iterable[DataLine]) -> tuple[DataLine, ...]:
    """As a receipt may hold them: a picture's own name says whose it is, so its folder stands for it."""
    found: dict[tuple[str, str], DataLine] = {}
    for line in lines:
        place = str(Path(line.place).parent) if line.what == _PICTURE else line.place
        before = found.get((place, line.what))
        images = line.images + (before.images if before else 0)
        found[place, line.what] = line.model_copy(update={"place": place, "images": images})
    return tuple(found.values())


def _in(file: Path, traces: Traces, *, is_dry: bool) -> Iterator[DataLine]:
    if file.name == FILE:
        try:
            yield from _in_snapshot(file.parent, traces)
        except ConfigurationError as error:
            yield DataLine(place=str(file.parent), what=_UNREAD, images=0, to_do=str(error))
    elif file.suffix.lower() == _TABLES:
        yield from _in_table(file, traces, is_dry=is_dry)
    elif file.suffix.lower() in SUFFIXES and shards.digest(file) in traces.digests:
        yield DataLine(place=str(file), what=_PICTURE, images=1, to_do=_DELETE)
    elif file.suffix.lower() in _SHEETS and (found := _named_in(file, traces)):
        yield DataLine(place=str(file), what="page", images=found, to_do=_DELETE)


def _in_snapshot(folder: Path, traces: Traces) -> Iterator[DataLine]:
    about = snapshot.describe(folder)
    held = sum(
        _is_held(sample, traces) for shard in about.shards for sample in shards.samples(folder / shard.file)
    )
    named = _named_in(folder / FILE, traces)
    if held or named:
        what = "snapshot" if held else "snapshot that names it, among what was left out"
        yield DataLine(place=str(folder), what=what, images=max(held, named), to_do=_ANEW)


def _is_held(sample: shards.Sample, traces: Traces) -> bool:
    if sample.key.rpartition("/")[2] in traces.keys:
        return True
    about = sample.text(".json")
    return about is not None and traces.name(str(json.loads(about).get("name", "")))


def _named_in(file: Path, traces: Traces) -> int:
    """How many of the images the text names."""
    text = file.read_text(encoding="utf-8", errors="replace")
    return sum(f'"{name}"' in text or f">{name}<" in text for name in traces.names)


def _in_table(file: Path, traces: Traces, *, is_dry: bool) -> Iterator[DataLine]:
    """Its rows less those of the images; a file that is no table of photographs is left alone."""
    try:
        text = file.read_text(encoding="utf-8-sig")
        reader = csv.DictReader(StringIO(text, newline=""))
        fields = list(reader.fieldnames or ())
        if "path" not in fields:
            return
        rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigurationError(
            f"{file}: cannot be read as a table ({error}); move it, or mend it"
        ) from error
    kept = [row for row in rows if not _is_row_of(row, file, traces)]
    if len(kept) == len(rows):
        return
    if not is_dry:
        _rewrite(file, fields, kept)
    gone = len(rows) - len(kept)
    yield DataLine(place=str(file), what="labels", images=gone, removed=0 if is_dry else gone)


def _is_row_of(row: dict[str, str], file: Path, traces: Traces) -> bool:
    path, image_id = (csv_cells.read((row.get(name) or "").strip()) for name in ("path", "image_id"))
    if traces.name(path) or traces.name(image_id):
        return True
    picture = file.parent / path
    return bool(traces.digests) and picture.is_file() and shards.digest(picture) in traces.digests


def _rewrite(file: Path, fields: list[str], rows: list[dict[str, str]]) -> None:
    text = StringIO()
    writer = csv.DictWriter(text, fields, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    atomic_folders.keep(file, text.getvalue())
