"""COCO reader: the categories of a picture's annotations are its labels, that with the largest area first."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from model.data import labels
from model.data.columns import PATH, YES, Record
from model.data.labels import SEPARATOR
from model.data.photograph import Split, split_named
from schemas.errors import ConfigurationError

_WORDS: Final = re.compile(r"[a-z]+")


def records(document: Mapping[str, Any], file: Path) -> Iterator[Record]:
    """A row a picture; one without annotations shows none of the categories. Raises `ConfigurationError`."""
    try:
        names = {each["id"]: str(each["name"]) for each in document["categories"]}
        areas = _areas(document["annotations"], names)
        pictures = [(each["id"], str(each["file_name"])) for each in document["images"]]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigurationError(f"{file}: not COCO as it is known, at {error}") from error
    split = _split(file)
    for picture, name in pictures:
        where = f"{file}, image {picture}"
        found = areas.get(picture, {})
        ordered = sorted(found, key=lambda label: -found[label])
        held = SEPARATOR.join(labels.checked(label, where=where) for label in ordered)
        yield {PATH: _path(name, file), YES: held, "split": split}, where


def _areas(annotations: Any, names: Mapping[Any, str]) -> dict[Any, dict[str, float]]:  # noqa: ANN401 - of JSON
    """Of each picture the area of each category, in the order in which they first stand there."""
    areas: dict[Any, dict[str, float]] = defaultdict(dict)
    for each in annotations:
        label = names[each["category_id"]]
        found = areas[each["image_id"]]
        found[label] = found.get(label, 0.0) + float(each.get("area") or 0.0)
    return areas


def _split(file: Path) -> Split:
    """As the file's name has it, `instances_train2017.json`; empty where it has none."""
    said = map(split_named, _WORDS.findall(file.stem.lower()))
    return next((split for split in said if split), Split.UNSET)


def _path(name: str, file: Path) -> str:
    """Where the picture lies: beside the file, or in one of the folders in which COCO is unpacked."""
    stem = file.stem.rpartition("_")[2]
    tries = (
        name,
        f"images/{name}",
        f"../{name}",
        f"../images/{name}",
        f"../{stem}/{name}",
        f"../images/{stem}/{name}",
    )
    return next((each for each in tries if (file.parent / each).is_file()), name)
