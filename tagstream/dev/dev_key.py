"""API key of a development run: made afresh at each start, for a day; the token is shown and kept nowhere."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from operations import api_keys
from operations.current_user import current_user
from schemas.api_keys import ApiKey, Scope
from schemas.api_tokens import ApiToken
from streams.adapters.sqlite.store import SqliteScores

NAME: Final = "dev"
SCOPES: Final = (Scope.PREDICT, Scope.BATCH, Scope.IMAGES_READ, Scope.REVIEW, Scope.ADMIN)
"""All that the API has routes for: it listens on loopback, and what it may erase is of this run."""
LIFE: Final = timedelta(hours=24)


async def fresh(path: Path) -> ApiToken:
    """A new key in the SQLite file for all that the API has; those of earlier runs are revoked."""
    by, now = current_user(), datetime.now(UTC)
    async with SqliteScores(path) as store:
        for key in await api_keys.listed(store):
            if isinstance(key, ApiKey) and key.name == NAME:
                await api_keys.revoke(store, key.id, by=by, now=now)
        made = await api_keys.create(store, NAME, SCOPES, LIFE, by=by, now=now)
    return made.token
