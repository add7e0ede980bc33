"""WebDataset reader for foreign shards: a picture beside its `.cls`, `.json` or `.txt`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from model.data import labels, shards
from model.data.entries import Entry, Refusal, RefusalCause
from model.data.photograph import Photograph, Split
from model.data.shards import Sample
from schemas.errors import ConfigurationError

CLASSES: Final = "classes.txt"
"""Beside the shards, a name a line: what the numbers of `.cls` mean."""

_SPLITS: Final = {"train": Split.TRAIN, "val": Split.VAL, "test": Split.TEST}


def gather(shard: Path, *, root: str) -> Iterator[Entry | Refusal]:
    """The pictures of one shard; its name may begin with a split, as in `train-000012.tar`.

    Raises `ConfigurationError` for a damaged shard, and for a label's name that cannot be.
    """
    split = next((split for name, split in _SPLITS.items() if shard.name.startswith(name)), Split.UNSET)
    classes = _classes(shard.parent / CLASSES)
    for sample in shards.samples(shard):
        place = f"{root}:{sample.key}"
        picture = sample.picture
        if picture is None:
            yield Refusal(place, RefusalCause.MISSING, f"no picture beside {', '.join(sample.pieces)}")
            continue
        held, doubted = _said(sample, classes, where=place)
        if not held and not doubted and not _says_none(sample):
            yield Refusal(place, RefusalCause.UNLABELLED, "no .cls, .json or .txt with a label beside it")
            continue
        yield Entry(Photograph(picture, held, split, _source(sample), doubted), place)


def _said(sample: Sample, classes: list[str], *, where: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What holds, and what may."""
    if (text := sample.text(".cls")) is not None:
        return (labels.checked(_class(text, classes, where=where), where=where),) if text else (), ()
    if document := _document(sample, where=where):
        held = _listed(document.get("labels") or document.get("label"), where=where)
        return held, labels.disjoint(held, _listed(document.get("maybe"), where=where), where=where)
    return labels.parted((sample.text(".txt") or "").splitlines(), where=where)


def _listed(given: object, *, where: str) -> tuple[str, ...]:
    every = given if isinstance(given, list) else [given] if given else []
    return tuple(dict.fromkeys(labels.checked(str(each), where=where) for each in every))


def _class(text: str, classes: list[str], *, where: str) -> str:
    if not text.isdecimal() or not classes:
        return text
    if int(text) >= len(classes):
        raise ConfigurationError(f"{where}: class {text}, and {CLASSES} has {len(classes)} lines")
    return classes[int(text)]


def _classes(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").split("\n") if file.is_file() else []


def _says_none(sample: Sample) -> bool:
    """Whether an empty list of labels stands there: then it is none of them."""
    return (_document(sample, where=sample.key) or {}).get("labels") == []


def _source(sample: Sample) -> str:
    return str((_document(sample, where=sample.key) or {}).get("source") or "")


def _document(sample: Sample, *, where: str) -> dict[str, object] | None:
    text = sample.text(".json")
    if not text:
        return None
    try:
        document = json.loads(text)
    except ValueError as error:
        raise ConfigurationError(f"{where}: its .json is none ({error})") from error
    return document if isinstance(document, dict) else None
