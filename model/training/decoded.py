"""Cache of decoded photographs: in memory, or in files of a folder that are mapped instead of read.

A cache entry is a folder named after what is in it: which files, of which size and time, decoded how. It is
written under another name and renamed when it is whole. Its sha256 is verified each time it is opened; one
that is damaged is made anew. What no training uses any longer may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import PIL
import torch
from torch import Tensor

from model.atomic_folders import building, kept_room, sweep, sync, write
from model.data import shards
from model.data.dataset import Encoded, Photograph
from model.data.progress import Tick
from model.preprocess import Pixels, Preprocess
from model.training.prefetch import prefetch
from schemas.errors import ConfigurationError, Rejected

FORMAT: Final = 1
"""Of the cache; another one finds nothing of an earlier one."""
PIXELS: Final = "pixels.bin"
INDEX: Final = "index.json"
BUILDING: Final = ".building-"
ABANDONED: Final = 3600.0
"""Seconds after which an entry that nobody writes to any more is one whose process was killed."""
AHEAD: Final = 8
"""Pictures that a thread may be ahead of the disk."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """What could be read of a list of photographs."""

    pixels: Tensor
    """uint8 (K, 3, S, S); mapped from a file where there is a cache."""
    kept: tuple[int, ...]
    """Where in the list each of the K stands."""
    unreadable: tuple[str, ...]
    """One line for each of the others."""
    digest: str
    """sha256 of the pixels."""


@dataclass(frozen=True, slots=True)
class DecodingJob:
    """How to decode a list of photographs."""

    preprocess: Preprocess
    cache: Path | None = None
    """A folder for what was decoded; without one it is kept in memory."""
    threads: int = 2

    def run(self, photographs: Sequence[Photograph], *, tick: Tick) -> Decoded:
        """All that decodes, in order. Raises `ConfigurationError` where nothing does, or no room is left."""
        if self.cache is None:
            return self._in_memory(photographs, tick=tick)
        folder = self.cache / key(photographs, preprocess=self.preprocess)
        with kept_room(self.cache, what="the cache of decoded pictures"):
            if not _intact(folder):
                self._fill(folder, photographs=photographs, tick=tick)
            return self._mapped(folder)

    def _in_memory(self, photographs: Sequence[Photograph], *, tick: Tick) -> Decoded:
        side = self.preprocess.size
        pixels = np.empty((len(photographs), 3, side, side), dtype=np.uint8)

        def keep(row: int, found: Pixels) -> None:
            pixels[row] = found

        index = self._read(photographs, keep=keep, tick=tick)
        return _decoded(torch.from_numpy(pixels[: len(index["kept"])]), index)

    def _fill(self, folder: Path, *, photographs: Sequence[Photograph], tick: Tick) -> None:
        """Decode into a folder beside `folder`, and rename it; another process may have been faster."""
        sweep(folder.parent, prefix=BUILDING, after=ABANDONED)
        with building(folder.parent, prefix=BUILDING) as made:
            self._write(made, photographs=photographs, tick=tick)
            if folder.is_dir():  # damaged, or another process was faster: whoever has it mapped keeps it
                shutil.rmtree(folder)
            made.rename(folder)

    def _write(self, folder: Path, *, photographs: Sequence[Photograph], tick: Tick) -> None:
        with (folder / PIXELS).open("wb") as file:
            index = self._read(photographs, keep=lambda _, found: file.write(found.data), tick=tick)
        sync(folder / PIXELS)
        write(folder / INDEX, json.dumps(index).encode())

    def _read(
        self, photographs: Sequence[Photograph], *, keep: Callable[[int, Pixels], object], tick: Tick
    ) -> dict[str, Any]:
        """The index of what `keep` was given by row. Raises `ConfigurationError` where nothing decodes."""
        kept: list[int] = []
        unreadable: list[str] = []
        digest = hashlib.sha256()
        for place, found in enumerate(self._each(photographs, tick=tick)):
            if isinstance(found, str):
                unreadable.append(found)
                continue
            keep(len(kept), found)
            digest.update(found.data)
            kept.append(place)
        if not kept:
            raise ConfigurationError(
                f"none of the {len(unreadable)} photographs can be read; {'; '.join(unreadable[:3])}"
            )
        return {"kept": kept, "unreadable": unreadable, "sha256": digest.hexdigest()}

    def _each(self, photographs: Sequence[Photograph], *, tick: Tick) -> Iterator[Pixels | str]:
        depth = self.threads * AHEAD
        for done, found in enumerate(prefetch(self._one, photographs, threads=self.threads, depth=depth), 1):
            tick("decoding", done, len(photographs))
            yield found

    def _one(self, photo: Photograph) -> Pixels | str:
        try:
            return self.preprocess.decode(photo.path.read_bytes())
        except (Rejected, OSError) as error:
            return f"{photo.path.name}: {error}"

    def _mapped(self, folder: Path) -> Decoded:
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        shape = (len(index["kept"]), 3, self.preprocess.size, self.preprocess.size)
        # Copy on write: torch wants memory that it may write to, and the file stays as it is.
        mapped = np.memmap(folder / PIXELS, dtype=np.uint8, mode="c", shape=shape)
        return _decoded(torch.from_numpy(mapped), index)


def _decoded(pixels: Tensor, index: Mapping[str, Any]) -> Decoded:
    return Decoded(
        pixels, kept=tuple(index["kept"]), unreadable=tuple(index["unreadable"]), digest=index["sha256"]
    )


def key(photographs: Sequence[Photograph], *, preprocess: Preprocess) -> str:
    """The name of the entry that holds these photographs, decoded so."""
    digest = hashlib.sha256(f"{FORMAT}|{PIL.__version__}|{preprocess}\n".encode())
    for photo in photographs:
        digest.update(f"{_mark(photo.path)}\n".encode())
    return digest.hexdigest()


def _mark(path: Encoded) -> str:
    """What changes when the photograph does: of a file its size and time, of anything else its bytes."""
    try:
        if isinstance(path, Path):
            seen = path.stat()
            return f"{path.resolve()}|{seen.st_size}|{seen.st_mtime_ns}"
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        return f"{path.name}: {error}"


def _intact(folder: Path) -> bool:
    """Whether the entry is there and as it was written."""
    try:
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        return shards.digest(folder / PIXELS) == str(index["sha256"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return False
