"""Which score store this environment has: MongoDB where a URL is set, else SQLite."""

from __future__ import annotations

from agents.settings import StoreSettings
from schemas.errors import ConfigurationError
from streams.adapters.mongo import MongoScores, MongoSettings
from streams.adapters.sqlite import SqliteScores


def open_store(settings: StoreSettings) -> MongoScores | SqliteScores:
    """The store, not yet entered: `async with` opens and closes it."""
    return SqliteScores(settings.path) if settings.url is None else open_mongo(settings)


def open_mongo(settings: StoreSettings) -> MongoScores:
    """MongoDB, for what only it needs; not yet entered. Raises `ConfigurationError` where no URL is set."""
    if settings.url is None:
        raise ConfigurationError("TAGSTREAM_STORE__URL: it is not set, so there is no MongoDB")
    bounds = {"timeout_seconds": settings.timeout, "pool_size": settings.connections}
    return MongoScores(MongoSettings(url=settings.url, database=settings.database, **bounds))


def blamed(settings: StoreSettings) -> str:
    """The setting that is wrong when the store cannot be opened."""
    return "TAGSTREAM_STORE__PATH" if settings.url is None else "TAGSTREAM_STORE__URL"
