"""A file of images to rescore: ids a line, or a CSV of ids or of keys; sorted on disk, each once."""

from __future__ import annotations

import asyncio
import csv
import hashlib
import sqlite3
from collections.abc import Collection, Coroutine, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final, TextIO

from operations import object_address
from operations.rescore_sources import SourcePage, Wanted
from schemas import identity
from schemas.errors import ConfigurationError

_COLUMNS: Final = frozenset({"image_id", "key", "bucket"})
_TOGETHER: Final = 20_000
"""Lines that are read before the loop looks up: some hundredths of a second."""


def digest_of(path: Path) -> str:
    """sha256 of the file, hexadecimal; raises `ConfigurationError` where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ConfigurationError(f"--ids {path}: it cannot be read: {error.strerror}") from error


class IdsSource:
    """The images that a file names, by image id: whatever stands in it twice is one image.

    `scratch` is a file of its own, which is made. Raises `ConfigurationError` for a file that cannot be
    read, has changed, or whose lines are none.
    """

    def __init__(self, path: Path, *, digest: str, buckets: tuple[str, ...], scratch: Path) -> None:
        self._path = path
        self._digest = digest
        self._buckets = buckets
        self._scratch = scratch
        self._connection: sqlite3.Connection | None = None
        self.total: int | None = None

    async def read(self) -> None:
        """Read the file, some of it at a time and beside the loop."""
        if await asyncio.to_thread(digest_of, self._path) != self._digest:
            raise ConfigurationError(
                f"--ids {self._path}: it has changed since the job was started: put back what it was, or"
                " start another job by `tagstream replay start --ids`"
            )
        connection = self._connection = sqlite3.connect(self._scratch, check_same_thread=False)
        connection.execute("CREATE TABLE named (image_id TEXT PRIMARY KEY) WITHOUT ROWID")
        with self._path.open(encoding="utf-8-sig", errors="replace", newline="") as lines:
            ids = named_in(lines, self._path, self._buckets)
            while await _whole(asyncio.to_thread(_put_some, ids, connection)):
                pass
        self.total = connection.execute("SELECT count(*) FROM named").fetchone()[0]
        if not self.total:
            raise ConfigurationError(f"--ids {self._path}: it names no image")

    def close(self) -> None:
        """Let go of the scratch file."""
        if self._connection is not None:
            self._connection.close()

    async def page(self, after: str, *, limit: int) -> SourcePage | None:
        """See `ImageSource.page`."""
        if self._connection is None:
            raise RuntimeError("the file is not read yet")
        found = self._connection.execute(
            "SELECT image_id FROM named WHERE image_id > ? ORDER BY image_id LIMIT ?", (after, limit)
        )
        image_ids = [image_id for (image_id,) in found]
        return SourcePage(dict.fromkeys(image_ids), image_ids[-1]) if image_ids else None

    async def again(self, image_ids: Collection[str]) -> Wanted:
        """See `ImageSource.again`."""
        return dict.fromkeys(image_ids)


def _put_some(ids: Iterator[str], connection: sqlite3.Connection) -> int:
    """Put the next ids into the table; how many that were."""
    some = [(image_id,) for image_id in islice(ids, _TOGETHER)]
    connection.executemany("INSERT OR IGNORE INTO named VALUES (?)", some)
    return len(some)


async def _whole(work: Coroutine[Any, Any, int]) -> int:
    """What `work` returns; cancelled meanwhile, it is waited for: nobody closes what a thread still uses."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


def named_in(lines: TextIO, path: Path, buckets: tuple[str, ...]) -> Iterator[str]:
    """The image ids of the file; raises `ConfigurationError`, which names the line."""
    rows = csv.reader(lines)
    first = next(rows, [])
    columns = [cell.strip() for cell in first]
    if not _COLUMNS & set(columns):
        yield from _ids(first)
        for row in rows:
            yield from _ids(row)
        return
    if not {"image_id", "key"} & set(columns):
        raise ConfigurationError(f"--ids {path}: its header names neither `image_id` nor `key`")
    for row in rows:
        if row:
            yield _id_of(dict(zip(columns, row, strict=False)), f"{path}, line {rows.line_num}", buckets)


def _ids(row: list[str]) -> Iterator[str]:
    """The id in a line without a header; the address of an object names one too."""
    text = ",".join(row).strip()
    if text:
        yield _id_at(text) if object_address.is_object(text) else text


def _id_at(address: str) -> str:
    location = object_address.parse(address)
    return identity.image_id(location.bucket, location.key)


def _id_of(cells: dict[str, str], place: str, buckets: tuple[str, ...]) -> str:
    if image_id := cells.get("image_id", "").strip():
        return image_id
    key, bucket = cells.get("key", ""), cells.get("bucket", "").strip() or next(iter(buckets), "")
    if not key:
        raise ConfigurationError(f"--ids {place}: it names no image")
    if not bucket:
        raise ConfigurationError(
            f"--ids {place}: it names no bucket, and TAGSTREAM_S3__BUCKETS none that it could be in"
        )
    return identity.image_id(bucket, key)
