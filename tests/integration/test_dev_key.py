"""Each `tagstream dev` has a key of its own, for a day; those of earlier runs are good no more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from operations import api_keys
from schemas.api_keys import Scope
from streams.adapters.sqlite.store import SqliteScores
from tagstream.dev import dev_key


async def test_a_run_has_a_key_for_all_that_the_api_has_for_a_day(tmp_path: Path) -> None:
    token = await dev_key.fresh(tmp_path / "scores.sqlite")
    async with SqliteScores(tmp_path / "scores.sqlite") as store:
        key = await store.key(token.id)
    assert key is not None
    assert token.matches(key)
    assert (key.name, set(key.scopes)) == ("dev", set(Scope) - {Scope.OPERATE})
    assert key.expires_at == key.created_at + timedelta(hours=24)


async def test_the_next_run_over_the_same_store_revokes_those_of_earlier_ones_alone(tmp_path: Path) -> None:
    path = tmp_path / "scores.sqlite"
    first = await dev_key.fresh(path)
    now = datetime.now(UTC)
    async with SqliteScores(path) as store:
        other = await api_keys.create(store, "web", (Scope.PREDICT,), None, by="ann", now=now)
    second = await dev_key.fresh(path)
    async with SqliteScores(path) as store:
        keys = [key for each in await store.keys() if (key := await store.key(each.id))]
    refused = {key.id: key.why_refused(datetime.now(UTC)) for key in keys}
    assert refused == {first.id: "revoked", second.id: None, other.key.id: None}
