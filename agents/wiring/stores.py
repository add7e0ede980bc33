"""Score store by settings: MongoDB where a URL is set, else SQLite; without Kafka's and S3's clients."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.wiring.settings import StoreSettings
from schemas.errors import ConfigurationError
from streams.adapters.sqlite.store import SqliteScores

if TYPE_CHECKING:
    from streams.adapters.mongo.store import MongoScores


def open_store(settings: StoreSettings) -> MongoScores | SqliteScores:
    """The store, not yet entered: `async with` opens and closes it."""
    return SqliteScores(settings.path) if settings.url is None else open_mongo(settings)


def open_mongo(settings: StoreSettings) -> MongoScores:
    """MongoDB, for what only it needs; not yet entered. Raises `ConfigurationError` where no URL is set."""
    if settings.url is None:
        raise ConfigurationError("TAGSTREAM_STORE__URL: it is not set, so there is no MongoDB")
    from streams.adapters.mongo.store import MongoScores  # noqa: PLC0415 - its driver: not where SQLite is the store

    return MongoScores(settings)


def blamed(settings: StoreSettings) -> str:
    """The setting that is wrong when the store cannot be opened."""
    return "TAGSTREAM_STORE__PATH" if settings.url is None else "TAGSTREAM_STORE__URL"
