"""A snapshot: an immutable folder of shards that says by its name what is in it.

    NAME-1a2b3c4d5e6f/
        snapshot.json       what it holds, how it came to be, what was left out
        train-000000.tar    WebDataset: <key>.jpg beside <key>.json
        val-000000.tar
        test-000000.tar

The same photographs under the same labels give the same bytes and so the same name.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Final

from pydantic import ValidationError

from model.data import document, shards
from model.data.document import FILE, Document, Shard
from model.data.inspecting import Seen, read
from model.data.photograph import Photograph, Split
from model.data.progress import Tick, silent
from model.data.shards import Packed, Piece, Sample
from schemas.errors import ConfigurationError

PER_SHARD: Final = 1_000
"""Pictures: some 100 MB of photographs as they are uploaded."""

KEY: Final = 32
"""Hexadecimal digits of a picture's digest that are its key."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A photograph in a snapshot: an `Encoded` that reads its piece of the shard."""

    piece: Piece
    name: str
    """Where it came from, as the import found it."""

    def read_bytes(self) -> bytes:
        """The encoded image; raises `OSError`."""
        return self.piece.read_bytes()


@dataclass(frozen=True, slots=True)
class Placed:
    """A photograph and the side it was given."""

    seen: Seen
    split: Split

    @property
    def photograph(self) -> Photograph:
        """As it was found, on the side it was given."""
        return replace(self.seen.found.photograph, split=self.split)


def write_shards(
    folder: Path, placed: Sequence[Placed], *, per_shard: int = PER_SHARD, tick: Tick = silent
) -> tuple[Shard, ...]:
    """The shards of all splits, in `folder`, which is empty.

    Raises `OSError`, and `ConfigurationError` for a photograph that is not what it was when it was looked at.
    """
    made: list[Shard] = []
    done = 0
    for split in (Split.TRAIN, Split.VAL, Split.TEST):
        rest = iter(
            sorted((each.seen for each in placed if each.split is split), key=lambda seen: seen.sha256)
        )
        number = 0
        while chunk := tuple(islice(rest, per_shard)):
            file = folder / f"{split}-{number:06}.tar"
            shards.write(file, _packed(chunk))
            made.append(_shard(file, split, pictures=len(chunk)))
            number, done = number + 1, done + len(chunk)
            tick("writing the shards", done, len(placed))
    return tuple(made)


def write_document(folder: Path, about: Document) -> None:
    """`snapshot.json`; raises `OSError`."""
    text = json.dumps(about.model_dump(mode="json"), ensure_ascii=False, indent=1)
    (folder / FILE).write_text(text + "\n", encoding="utf-8")


def is_snapshot(source: Path) -> bool:
    """Whether the folder is one."""
    return (source / FILE).is_file()


def describe(folder: Path) -> Document:
    """What the snapshot says of itself; its shards are not looked at. Raises `ConfigurationError`."""
    file = folder / FILE
    try:
        content = json.loads(file.read_bytes())
        if isinstance(content, dict) and content.get("format", 0) not in document.FORMATS:
            raise ConfigurationError(
                f"{file}: of format {content.get('format')!r}, and not {_KNOWN}: upgrade tagstream"
            )
        about = Document.model_validate(content)
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be read ({error.strerror})") from error
    except (ValueError, ValidationError) as error:
        first = str(error).splitlines()[0]
        raise ConfigurationError(f"{file}: damaged ({first}); {_MEND}") from error
    if document.digest(about.labels, about.shards) != about.digest:
        raise ConfigurationError(f"{file}: its digest is not that of its labels and shards; {_MEND}")
    return about


def photographs(folder: Path, about: Document) -> tuple[Photograph, ...]:
    """All photographs, in the order of the shards; every shard's sha256 is verified first.

    Raises `ConfigurationError` for a shard that is missing or is not what was written.
    """
    found: list[Photograph] = []
    for shard in about.shards:
        file = folder / shard.file
        _verify(file, shard)
        with file.open("rb") as opened:
            found += [_photograph(sample, shard, opened) for sample in shards.samples(file)]
    return tuple(found)


_KNOWN: Final = " or ".join(map(str, document.FORMATS))
_MEND: Final = "copy the snapshot again, or import the photographs once more"


def _verify(file: Path, shard: Shard) -> None:
    try:
        found = shards.digest(file)
    except OSError as error:
        raise ConfigurationError(
            f"{file}: a shard that cannot be read ({error.strerror}); {_MEND}"
        ) from error
    if found != shard.sha256:
        raise ConfigurationError(
            f"{file}: a corrupt shard, its sha256 is {found[:12]}... and not {shard.sha256[:12]}...; {_MEND}"
        )


def _photograph(sample: Sample, shard: Shard, opened: BinaryIO) -> Photograph:
    piece, beside = sample.picture, sample.pieces.get(".json")
    if piece is None or beside is None:
        raise ConfigurationError(
            f"{shard.file}: no picture and its labels under the key {sample.key}; {_MEND}"
        )
    opened.seek(beside.offset)
    about: dict[str, Any] = json.loads(opened.read(beside.size))
    return Photograph(
        Picture(piece, about["name"]),
        labels=tuple(about["labels"]),
        split=shard.split,
        source=about["source"],
        maybe=tuple(about.get("maybe", ())),
    )


def _about(seen: Seen) -> dict[str, Any]:
    """What stands beside the picture: without a maybe the same bytes as before there were such."""
    photo = seen.found.photograph
    about = {"labels": list(photo.labels), "name": seen.found.place, "source": photo.source}
    return {**about, "maybe": list(photo.maybe)} if photo.maybe else about


def _packed(chunk: Iterable[Seen]) -> Iterator[Packed]:
    for seen in chunk:
        data = read(seen.found)
        if sha256(data).hexdigest() != seen.sha256:
            raise ConfigurationError(f"{seen.found.place}: changed while it was imported; import it again")
        yield Packed(
            key=seen.sha256[:KEY],
            suffix=seen.suffix,
            data=data,
            about=_about(seen),
        )


def _shard(file: Path, split: Split, *, pictures: int) -> Shard:
    return Shard(
        file=file.name,
        split=split,
        pictures=pictures,
        bytes=file.stat().st_size,
        sha256=shards.digest(file),
    )
