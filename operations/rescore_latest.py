"""Latest claims by image, on disk: an archive has more images than memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from schemas.claims import Claims

TOGETHER: Final = 5_000
"""Images that are held in memory before they are written."""


class LatestClaims:
    """What the events of each image claim, joined; in a file that belongs to it for its lifetime."""

    def __init__(self, path: Path, *, together: int = TOGETHER) -> None:
        self._path = path
        self._together = together
        self._fresh: dict[str, Claims] = {}
        self._connection: sqlite3.Connection

    def __enter__(self) -> Self:
        self._connection = sqlite3.connect(self._path)
        self._connection.execute("PRAGMA journal_mode=OFF")  # a replay that dies is begun again
        self._connection.execute("PRAGMA synchronous=OFF")
        self._connection.execute("CREATE TABLE latest (image_id TEXT PRIMARY KEY, claims TEXT) WITHOUT ROWID")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def add(self, image_id: str, claims: Claims) -> None:
        """Join `claims` into what is known of the image."""
        known = self._fresh.get(image_id)
        self._fresh[image_id] = known.joined(claims) if known else claims
        if len(self._fresh) >= self._together:
            self._write()

    def __len__(self) -> int:
        self._write()
        count: int = self._connection.execute("SELECT count(*) FROM latest").fetchone()[0]
        return count

    def page(self, after: str, size: int) -> dict[str, Claims]:
        """The next images' claims by image id, in that order, behind `after`."""
        self._write()
        return self._page(after, size)

    def of(self, image_ids: Iterable[str]) -> dict[str, Claims]:
        """The claims of those images that are known."""
        self._write()
        found: dict[str, Claims] = {}
        for some in _chunks(tuple(image_ids)):
            found |= self._of(some)
        return found

    def _page(self, after: str, size: int) -> dict[str, Claims]:
        found = self._connection.execute(
            "SELECT image_id, claims FROM latest WHERE image_id > ? ORDER BY image_id LIMIT ?", (after, size)
        )
        return _parsed(found)

    def _of(self, some: tuple[str, ...]) -> dict[str, Claims]:
        wanted = ",".join("?" * len(some))
        found = self._connection.execute(
            f"SELECT image_id, claims FROM latest WHERE image_id IN ({wanted})",  # noqa: S608 - question marks
            some,
        )
        return _parsed(found)

    def _write(self) -> None:
        for some in _chunks(tuple(self._fresh)):
            for image_id, claims in self._of(some).items():
                self._fresh[image_id] = claims.joined(self._fresh[image_id])
        rows = ((image_id, claims.model_dump_json()) for image_id, claims in self._fresh.items())
        self._connection.executemany("INSERT OR REPLACE INTO latest VALUES (?, ?)", rows)
        self._fresh.clear()


def _parsed(rows: Iterable[tuple[str, str]]) -> dict[str, Claims]:
    return {image_id: Claims.model_validate_json(claims) for image_id, claims in rows}


def _chunks(names: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """SQLite takes a bounded number of parameters."""
    for begin in range(0, len(names), 500):
        yield names[begin : begin + 500]
