"""Source fingerprints: whether a pipeline reads what it read the last time, without reading it all."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from model import checkpoint
from model.data import columns, shards, snapshot, sources, table
from schemas.errors import ConfigurationError


def seen(source: str) -> str:
    """Changes when a photograph of the source comes, goes or is written anew; where it can be seen from here.

    Of a folder the names, sizes and times of its files; of a CSV its bytes, and the same of the files that
    it names. Nothing is asked of object storage: what lies there is taken as it was.
    """
    path = Path(source)
    if source.startswith(columns.REMOTE) or not path.exists():
        return ""
    if snapshot.is_snapshot(path):
        return snapshot.describe(path).digest
    digest = hashlib.sha256()
    for line in _folder(path) if path.is_dir() else _file(path):
        digest.update(f"{line}\n".encode())
    return digest.hexdigest()


def weights(given: Path | str | None) -> str:
    """What weights to start from are: their sha256, or the word for them. Raises `ConfigurationError`."""
    if not isinstance(given, Path):
        return given or "none"
    file = given / checkpoint.WEIGHTS if given.is_dir() else given
    try:
        return shards.digest(file)
    except OSError as error:
        raise ConfigurationError(f"--weights: {file}: {error.strerror or error}") from error


def _folder(path: Path) -> Iterator[str]:
    for file in sorted(path.rglob("*")):
        if file.is_file():
            yield _stat(file)


def _file(path: Path) -> Iterator[str]:
    yield shards.digest(path)
    if path.suffix.lower() == sources.SHARD:
        return
    for row in table.rows(path):
        named = path.parent / row.path
        if named.is_file():
            yield _stat(named)


def _stat(file: Path) -> str:
    found = file.stat()
    return f"{file}|{found.st_size}|{found.st_mtime_ns}"
