"""Tables and statements of the SQLite store; called on the store's own threads."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from schemas.records import ImageHead, Kept, ScoreRecord, Stale
from schemas.statements import StatementOfReasons
from streams.ports import Change, Purged

_AGAIN_SECONDS: Final = 0.01
"""From one try to turn on the write-ahead log to the next."""

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS images (
    image_id TEXT PRIMARY KEY,
    restaurant_id TEXT,
    state TEXT NOT NULL,
    uploaded_at TEXT NOT NULL,
    document TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS images_by_restaurant ON images (restaurant_id, image_id)
    WHERE restaurant_id IS NOT NULL;
DROP INDEX IF EXISTS images_of_restaurant;
CREATE TABLE IF NOT EXISTS scores (
    image_id TEXT NOT NULL,
    content_version TEXT NOT NULL,
    model_version TEXT NOT NULL,
    scored_at TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (image_id, content_version, model_version)
) STRICT;
CREATE TABLE IF NOT EXISTS statements (
    puid TEXT PRIMARY KEY,
    place TEXT NOT NULL,
    image_id TEXT NOT NULL,
    document TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS rescore_jobs (id TEXT PRIMARY KEY, document TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS rollouts (id TEXT PRIMARY KEY, document TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS api_keys (id TEXT PRIMARY KEY, document TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS batch_jobs (id TEXT PRIMARY KEY, document TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS workers (id TEXT PRIMARY KEY, document TEXT NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS statements_in_order ON statements (place);
CREATE INDEX IF NOT EXISTS statements_of_image ON statements (image_id, place);
"""

_ERASURE_INDEXES: Final = """
CREATE INDEX IF NOT EXISTS images_of_uploader_by_storage
    ON images (json_extract(document, '$.claims.storage.uploader_id'))
    WHERE json_extract(document, '$.claims.storage.uploader_id') IS NOT NULL;
CREATE INDEX IF NOT EXISTS images_of_uploader_by_producer
    ON images (json_extract(document, '$.claims.producer.uploader_id'))
    WHERE json_extract(document, '$.claims.producer.uploader_id') IS NOT NULL;
CREATE INDEX IF NOT EXISTS images_half_erased
    ON images (json_extract(document, '$.erased.is_told'))
    WHERE json_extract(document, '$.erased.is_told') IS NOT NULL;
"""

OF_UPLOADER: Final = """
SELECT document FROM images
WHERE (json_extract(document, '$.claims.storage.uploader_id') = :uploader
    OR json_extract(document, '$.claims.producer.uploader_id') = :uploader)
    AND image_id > :after
ORDER BY image_id LIMIT :limit
"""

OF_RESTAURANT: Final = """
SELECT document FROM images
WHERE restaurant_id = :restaurant AND restaurant_id != '' AND image_id > :after
    AND (:topic IS NULL OR EXISTS (
        SELECT 1 FROM json_each(document, '$.verdict.routes') AS route
        WHERE json_extract(route.value, '$.topic') = :topic))
ORDER BY image_id LIMIT :limit
"""
"""Routes are looked at in the documents of the one restaurant: SQLite indexes no part of an array."""

_PUT_HEAD: Final = """
INSERT INTO images (image_id, restaurant_id, state, uploaded_at, document) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (image_id) DO UPDATE SET restaurant_id = excluded.restaurant_id, state = excluded.state,
    uploaded_at = excluded.uploaded_at, document = excluded.document
"""


@dataclass(frozen=True, slots=True)
class RestaurantPage:
    """Which heads of a restaurant."""

    restaurant_id: str
    topic: str | None
    after: str
    limit: int


def connect(path: Path, *, busy_seconds: float) -> sqlite3.Connection:
    """An open connection to `path`, with the tables made. Transactions are written out, never implied."""
    connection = sqlite3.connect(path, timeout=busy_seconds, isolation_level=None)
    try:
        _write_ahead(connection, busy_seconds=busy_seconds)
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA secure_delete=ON")  # what was erased stays in no page that is free
        connection.executescript(_TABLES + _ERASURE_INDEXES)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _write_ahead(connection: sqlite3.Connection, *, busy_seconds: float) -> None:
    """Turn on the write-ahead log, waiting for whoever has the file meanwhile.

    SQLite itself does not wait here for one that is about to write: that one might wait for its readers.
    """
    until = time.monotonic() + busy_seconds
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() >= until:
                raise
            time.sleep(_AGAIN_SECONDS)
        else:
            return


@contextmanager
def transaction(connection: sqlite3.Connection, *, writes: bool) -> Iterator[None]:
    """A transaction: committed when the block ends, rolled back when it raises.

    IMMEDIATE takes the write lock before the first read: a deferred one that reads a head and then
    writes it fails with `database is locked` as soon as another worker wrote between the two. One that
    only reads waits for nobody.
    """
    connection.execute("BEGIN IMMEDIATE" if writes else "BEGIN")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def head(connection: sqlite3.Connection, image_id: str) -> ImageHead | None:
    """What holds of the image."""
    found = connection.execute("SELECT document FROM images WHERE image_id = ?", (image_id,)).fetchone()
    return ImageHead.model_validate_json(found[0]) if found else None


def heads(connection: sqlite3.Connection, image_ids: Collection[str]) -> Mapping[str, ImageHead]:
    """The heads of those of `image_ids` that are known."""
    return {image_id: found for image_id in image_ids if (found := head(connection, image_id))}


def scan(connection: sqlite3.Connection, *, after: str, limit: int) -> tuple[ImageHead, ...]:
    """The next heads behind `after`, by image_id."""
    found = connection.execute(
        "SELECT document FROM images WHERE image_id > ? ORDER BY image_id LIMIT ?", (after, limit)
    )
    return tuple(ImageHead.model_validate_json(document) for (document,) in found)


def of_uploader(
    connection: sqlite3.Connection, uploader_id: str, *, after: str, limit: int
) -> tuple[ImageHead, ...]:
    """The next heads behind `after` that name the uploader, by image_id."""
    named = {"uploader": uploader_id, "after": after, "limit": limit}
    found = connection.execute(OF_UPLOADER, named)
    return tuple(ImageHead.model_validate_json(document) for (document,) in found)


def of_restaurant(connection: sqlite3.Connection, page: RestaurantPage) -> tuple[ImageHead, ...]:
    """The next heads behind `after` of the restaurant, by image_id."""
    named = {"restaurant": page.restaurant_id, "topic": page.topic, "after": page.after, "limit": page.limit}
    found = connection.execute(OF_RESTAURANT, named)
    return tuple(ImageHead.model_validate_json(document) for (document,) in found)


def unfinished_erasures(connection: sqlite3.Connection, *, limit: int) -> tuple[ImageHead, ...]:
    """Erased heads of which the withdrawal is not acknowledged."""
    found = connection.execute(
        "SELECT document FROM images WHERE json_extract(document, '$.erased.is_told') = 0 LIMIT ?", (limit,)
    )
    heads = (ImageHead.model_validate_json(document) for (document,) in found)
    return tuple(head for head in heads if head.is_half_erased)


def records(connection: sqlite3.Connection, image_id: str) -> tuple[ScoreRecord, ...]:
    """The image's history, by content version and model version."""
    found = connection.execute(
        "SELECT document FROM scores WHERE image_id = ? ORDER BY content_version, model_version", (image_id,)
    )
    return tuple(ScoreRecord.model_validate_json(document) for (document,) in found)


def keep_statements(connection: sqlite3.Connection, statements: Sequence[StatementOfReasons]) -> None:
    """Add those whose puid is not there yet."""
    connection.executemany(
        "INSERT OR IGNORE INTO statements (puid, place, image_id, document) VALUES (?, ?, ?, ?)",
        [(each.puid, each.place, each.image_id, each.model_dump_json()) for each in statements],
    )


def statements(
    connection: sqlite3.Connection, *, after: str, before: str | None, limit: int
) -> tuple[StatementOfReasons, ...]:
    """The next statements between two places, in order."""
    found = connection.execute(
        "SELECT document FROM statements WHERE place > ?1 AND (?2 IS NULL OR place < ?2) "
        "ORDER BY place LIMIT ?3",
        (after, before, limit),
    )
    return tuple(StatementOfReasons.model_validate_json(document) for (document,) in found)


def statements_of(connection: sqlite3.Connection, image_id: str) -> tuple[StatementOfReasons, ...]:
    """The image's statements, in order."""
    found = connection.execute(
        "SELECT document FROM statements WHERE image_id = ? ORDER BY place", (image_id,)
    )
    return tuple(StatementOfReasons.model_validate_json(document) for (document,) in found)


def apply(
    connection: sqlite3.Connection, image_id: str, change: Change, record: ScoreRecord | None
) -> Kept | Stale:
    """Read, change and write in the caller's transaction, which holds the write lock."""
    stored = head(connection, image_id)
    outcome = change(stored)
    if isinstance(outcome, Kept) and outcome.head is not stored:
        _put(connection, outcome.head)
    if record and not outcome.head.refuses(record.position):
        _add(connection, record)
    return outcome


def purge(connection: sqlite3.Connection, image_id: str) -> Purged:
    """Take out what of an erased photograph stands beside its head."""
    held = head(connection, image_id)
    if held is None:
        return Purged()
    refused = [each for each in records(connection, image_id) if held.refuses(each.position)]
    connection.executemany(
        "DELETE FROM scores WHERE image_id = ? AND content_version = ? AND model_version = ?",
        [(image_id, each.content_version, each.scores.model.version) for each in refused],
    )
    bared = [each for each in statements_of(connection, image_id) if held.redacted(each) != each]
    connection.executemany(
        "UPDATE statements SET document = ? WHERE puid = ?",
        [(held.redacted(each).model_dump_json(), each.puid) for each in bared],
    )
    return Purged(len(refused), len(bared))


def _put(connection: sqlite3.Connection, put: ImageHead) -> None:
    uploaded_at = put.position.uploaded_at.isoformat()
    row = (put.image_id, put.restaurant_id, put.state, uploaded_at, put.model_dump_json())
    connection.execute(_PUT_HEAD, row)


def _add(connection: sqlite3.Connection, record: ScoreRecord) -> None:
    """The first record of an image, a content and a model stays; a later one of the same changes nothing."""
    version = record.scores.model.version
    row = (record.image_id, record.content_version, version, record.scored_at.isoformat())
    connection.execute(
        "INSERT OR IGNORE INTO scores (image_id, content_version, model_version, scored_at, document) "
        "VALUES (?, ?, ?, ?, ?)",
        (*row, record.model_dump_json()),
    )
