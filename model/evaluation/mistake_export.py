"""Mistake export: the photographs that a version tagged wrong, with a CSV that `data import` takes back.

Whoever looks at them finds wrong labels as often as wrong tags. In the CSV `yes` and `maybe` are what the
data said, to be corrected; the other columns say what the version said of it.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Final

from model import atomic_folders
from model.data import columns
from model.data.labels import SEPARATOR
from model.data.photograph import Photograph
from model.data.progress import Tick, silent
from model.evaluation import wrong_tags
from model.evaluation.predictions import Predictions
from schemas import csv_cells
from schemas.errors import ConfigurationError

TABLE: Final = "mistakes.csv"
PHOTOGRAPHS: Final = "photographs"
STEP: Final = "copying mistakes"
LONGEST: Final = 80
"""Characters that are kept of a file's name, its end."""
DECIMALS: Final = 4


def refuse_taken(folder: Path) -> None:
    """Raises `ConfigurationError` where `folder` holds anything, before long work."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigurationError(
            f"{folder}: is not empty, and --export-mistakes wants a folder of its own; name one that is not "
            "there yet"
        )


def export(predictions: Predictions, folder: Path, *, tick: Tick = silent) -> int:
    """Write copies of the photographs with a wrong tag, the worst first, and the CSV; how many there are.

    Raises `ConfigurationError` where `folder` is taken or cannot be written, and for a photograph that can
    be read no longer.
    """
    refuse_taken(folder)
    places = wrong_tags.of_any(predictions)
    with atomic_folders.atomic_folder(folder.absolute().parent) as within:
        made = within / "made"
        (made / PHOTOGRAPHS).mkdir(parents=True)
        tick(STEP, 0, len(places))
        names = []
        for number, place in enumerate(places, start=1):
            photo = predictions.photographs[place]
            names.append(f"{PHOTOGRAPHS}/{number:04}-{_safe(photo.path.name)}")
            (made / names[-1]).write_bytes(_bytes(photo))
            tick(STEP, number, len(places))
        _write(made / TABLE, predictions, places, names)
        if not atomic_folders.place_folder(made, folder):
            refuse_taken(folder)
    return len(places)


def _write(file: Path, predictions: Predictions, places: Sequence[int], names: Sequence[str]) -> None:
    with file.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.writer(lines)
        writer.writerow(_head(predictions))
        for place, name in zip(places, names, strict=True):
            writer.writerow(map(csv_cells.written, _row(place, name, predictions)))


def _head(predictions: Predictions) -> Iterator[str]:
    yield from (columns.PATH, "label", columns.YES, columns.MAYBE, "split", "source", "tagged")
    yield from (f"p_{label}" for label in predictions.labels)
    yield columns.MISTAKES


def _row(place: int, name: str, predictions: Predictions) -> Iterator[str]:
    photo = predictions.photographs[place]
    tagged = predictions.tagged[place].tolist()
    tags = [label for label, is_tagged in zip(predictions.labels, tagged, strict=True) if is_tagged]
    yield from (name, photo.main)
    yield from (SEPARATOR.join(each) for each in (photo.labels, photo.maybe))
    yield from (photo.split.value, photo.source, SEPARATOR.join(tags))
    yield from (f"{probability:.{DECIMALS}f}" for probability in predictions.probabilities[place].tolist())
    yield f"{SEPARATOR} ".join(wrong_tags.said(place, predictions))


def _bytes(photo: Photograph) -> bytes:
    try:
        return photo.path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{photo.path.name}: can be read no longer ({error.strerror})") from error


def _safe(name: str) -> str:
    """Of a name from anywhere, or of a place in a snapshot, what any disk and any spreadsheet takes."""
    return re.sub(r"[^\w.-]", "_", PurePosixPath(name).name)[-LONGEST:]
