"""WebDataset shards: plain tar files in which the pieces of a picture stand together under one key.

Written so that the same pictures give the same bytes: in the order given, without owners, times or modes of
this machine. Read by offset: nothing is ever unpacked, so no name within a shard can lead anywhere.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import file_digest
from io import BytesIO
from pathlib import Path
from typing import Any

from model.data.photograph import SUFFIXES
from schemas.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Piece:
    """Some bytes of a shard; an `Encoded` where they are a picture."""

    shard: Path
    offset: int
    size: int
    name: str

    def read_bytes(self) -> bytes:
        """The bytes; raises `OSError`, also where the shard has become shorter."""
        with self.shard.open("rb") as file:
            file.seek(self.offset)
            data = file.read(self.size)
        if len(data) < self.size:
            raise OSError(f"{self.shard}: cut short")
        return data


@dataclass(frozen=True, slots=True)
class Sample:
    """All pieces under one key, by suffix (`.jpg`, `.json`), in the shard's order."""

    key: str
    pieces: Mapping[str, Piece]

    @property
    def picture(self) -> Piece | None:
        """The image, None where the sample has none."""
        return next((piece for suffix, piece in self.pieces.items() if suffix in SUFFIXES), None)

    def text(self, suffix: str) -> str | None:
        """A piece as text; None where there is none."""
        piece = self.pieces.get(suffix)
        return None if piece is None else piece.read_bytes().decode("utf-8", errors="replace").strip()


@dataclass(frozen=True, slots=True)
class Packed:
    """One picture to be written: `about` goes beside it as JSON."""

    key: str
    suffix: str
    data: bytes
    about: Mapping[str, Any]


def write(file: Path, pictures: Iterable[Packed]) -> None:
    """A shard of `pictures` in their order; raises `OSError`."""
    with tarfile.open(file, "w", format=tarfile.USTAR_FORMAT) as tar:
        for picture in pictures:
            about = json.dumps(picture.about, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
            _add(tar, picture.key + picture.suffix, picture.data)
            _add(tar, f"{picture.key}.json", about.encode())


def samples(shard: Path) -> Iterator[Sample]:
    """The samples of a shard in order: names up to the first dot of the last part are one key.

    Raises `ConfigurationError` for what is no plain tar file, or is damaged or cut short.
    """
    key, pieces = "", dict[str, Piece]()
    for name, offset, size in _members(shard):
        stem, suffix = _parted(name)
        if stem != key and pieces:
            yield Sample(key, pieces)
            pieces = {}
        key = stem
        pieces[suffix] = Piece(shard, offset, size, name)
    if pieces:
        yield Sample(key, pieces)


def digest(file: Path) -> str:
    """sha256 of the file, hexadecimal; raises `OSError`."""
    with file.open("rb") as opened:
        return file_digest(opened, "sha256").hexdigest()


def _members(shard: Path) -> Iterator[tuple[str, int, int]]:
    try:
        with tarfile.open(shard, "r:") as tar:
            for member in tar:
                if member.isfile():
                    yield member.name, member.offset_data, member.size
    except OSError as error:
        raise ConfigurationError(f"{shard}: cannot be read ({error.strerror or error})") from error
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise ConfigurationError(
            f"{shard}: not a whole, uncompressed tar file ({error}); copy it again, or decompress it"
        ) from error


def _parted(name: str) -> tuple[str, str]:
    """`folder/key.jpg` as its key, folder included, and its suffix in lower case."""
    folder, slash, last = name.rpartition("/")
    stem, dot, suffix = last.partition(".")
    return folder + slash + stem, (dot + suffix).lower()


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    about = tarfile.TarInfo(name)  # its defaults: mode 0644, time 0, no owner
    about.size = len(data)
    tar.addfile(about, BytesIO(data))
