"""What every store does with API keys: read back field by field, and changed by compare-and-swap."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any, Final

import pytest

from schemas.api_keys import ApiKey, Scope, SpoiledKey
from schemas.errors import ConfigurationError
from streams.adapters.memory import MemoryScores
from streams.adapters.mongo.store import MongoScores
from streams.adapters.sqlite.store import SqliteScores

from .builders import EPOCH
from .stores import Place, Scores

KEY_ID: Final = "k0000001"


def api_key(key_id: str = KEY_ID, **said: Any) -> ApiKey:
    facts: dict[str, Any] = {"name": "nightly import", "scopes": (Scope.PREDICT,), "secret_sha256": "0a" * 32}
    facts |= {"created_at": EPOCH, "created_by": "ann"}
    return ApiKey.model_validate({"id": key_id} | facts | said)


async def test_a_store_without_keys_has_none(scores: Scores) -> None:
    assert await scores.keys() == ()
    assert await scores.key(KEY_ID) is None
    assert not await scores.replace_key(api_key(), over=0)


async def test_a_key_is_read_back_field_by_field(scores: Scores) -> None:
    whole = api_key(
        name='"web" $1, 100 %: é',
        scopes=tuple(Scope),
        expires_at=EPOCH + timedelta(days=90, microseconds=1),
        revoked_at=EPOCH + timedelta(hours=1),
        revoked_by="bo",
        last_used_at=EPOCH + timedelta(minutes=1),
    )
    assert await scores.create_key(whole)
    assert await scores.key(KEY_ID) == whole
    assert await scores.keys() == (whole,)


async def test_a_key_of_a_known_id_is_not_kept(scores: Scores) -> None:
    assert await scores.create_key(api_key(name="first"))
    assert not await scores.create_key(api_key(name="second"))
    assert await scores.key(KEY_ID) == api_key(name="first")


async def test_keys_whose_ids_differ_in_case_alone_are_two(scores: Scores) -> None:
    small, large = api_key("abcdefgh"), api_key("ABCDEFGH")
    assert await scores.create_key(small)
    assert await scores.create_key(large)
    assert await scores.keys() == (large, small)


async def test_of_changes_to_one_revision_at_once_one_holds(store_place: Place) -> None:
    async with store_place.store() as one, store_place.store() as other:
        await one.create_key(api_key())
        changed = [api_key().revised(revoked_by=f"person {number}") for number in range(10)]
        swaps = ((one, other)[n % 2].replace_key(each, over=0) for n, each in enumerate(changed))
        won = await asyncio.gather(*swaps)
        stored = await other.key(KEY_ID)
    assert sum(won) == 1
    assert stored == changed[won.index(True)]


async def test_of_many_changes_at_once_none_is_lost(store_place: Place) -> None:
    async with store_place.store() as one, store_place.store() as other:
        assert await one.create_key(api_key(created_by=""))

        async def sign(store: Scores) -> None:
            while True:
                stored = await store.key(KEY_ID)
                assert stored is not None
                signed = stored.revised(created_by=f"{stored.created_by}x")
                if await store.replace_key(signed, over=stored.revision):
                    return

        await asyncio.gather(*(sign((one, other)[number % 2]) for number in range(8)))
        assert await one.key(KEY_ID) == api_key(created_by="x" * 8, revision=8)


async def test_a_revoked_key_stays_in_the_list(scores: Scores) -> None:
    assert await scores.create_key(api_key())
    assert await scores.create_key(api_key("k0000002"))
    revoked = api_key().revised(revoked_at=EPOCH, revoked_by="bo")
    assert await scores.replace_key(revoked, over=0)
    assert await scores.keys() == (revoked, api_key("k0000002"))


Edit = Callable[[str, dict[str, Any]], Awaitable[None]]


@pytest.fixture
async def edit(scores: Scores) -> AsyncIterator[Edit]:
    """Changes fields of a key's document as a person would, past every check."""
    if isinstance(scores, MemoryScores):
        yield lambda name, said: _edited_in_memory(scores, name, said)
    elif isinstance(scores, SqliteScores):
        yield lambda name, said: _edited_in_a_file(scores, name, said)
    else:
        yield lambda name, said: _edited_in_mongo(scores, name, said)


async def _edited_in_memory(scores: MemoryScores, name: str, said: dict[str, Any]) -> None:
    scores.key_documents[name] = json.dumps(json.loads(scores.key_documents[name]) | said)


async def _edited_in_a_file(scores: SqliteScores, name: str, said: dict[str, Any]) -> None:
    def write(connection: sqlite3.Connection) -> None:
        find = "SELECT document FROM api_keys WHERE id = ?"
        document = json.loads(connection.execute(find, (name,)).fetchone()[0]) | said
        connection.execute("UPDATE api_keys SET document = ? WHERE id = ?", (json.dumps(document), name))

    await scores._writes.do(write)


async def _edited_in_mongo(scores: MongoScores, name: str, said: dict[str, Any]) -> None:
    async with scores._database() as database:
        await database.api_keys.update_one({"_id": name}, {"$set": said})


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("scopes", ["everything"]),
        ("scopes", []),
        ("expires_at", "never"),
        ("secret_sha256", "0A"),
        ("name", "a\u202eb"),
    ],
)
async def test_a_document_edited_by_hand_is_told_with_its_field_and_hides_no_other(
    scores: Scores, edit: Edit, *, field: str, said: Any
) -> None:
    ids = ("k000000a", "k000000b", "k000000c")
    for key_id in ids:
        await scores.create_key(api_key(key_id))
    await edit("k000000b", {field: said})
    first, spoiled, last = await scores.keys()
    assert (first, last) == (api_key("k000000a"), api_key("k000000c"))
    assert isinstance(spoiled, SpoiledKey)
    assert (spoiled.id, spoiled.why.partition(":")[0].partition(".")[0]) == ("k000000b", field)
    with pytest.raises(ConfigurationError, match=rf"API key k000000b: .*{field}.*it lets nobody in"):
        await scores.key("k000000b")
    assert not await scores.replace_key(api_key("k000000b"), over=1)


async def test_what_a_person_changes_soundly_holds(scores: Scores, edit: Edit) -> None:
    await scores.create_key(api_key())
    await edit(KEY_ID, {"expires_at": "2026-01-02T00:00:00Z"})
    assert await scores.key(KEY_ID) == api_key(expires_at=EPOCH + timedelta(days=1))
