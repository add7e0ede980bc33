"""What the MongoDB store adds to the contract: its documents, its rounds, and its indexes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC
from typing import Any

import pytest
from pydantic import SecretStr
from pymongo import IndexModel, monitoring

from schemas.errors import ConfigurationError, Rejected, Stage, Unforeseen
from schemas.records import ImageHead, Kept, ScoreRecord
from streams.adapters.mongo.index_states import FoundIndex, IndexState
from streams.adapters.mongo.indexes import INDEXES, RETIRED, Index, Keys
from streams.adapters.mongo.store import MongoScores

from .builders import head, position, record, statement
from .mongo_proxy import Fault, MongoProxy
from .mongo_server import MongoWireServer
from .stores import FIRST_RELEASE, at_least, become, mongo_settings, stale, unchanged


@pytest.fixture
async def proxy(mongo: MongoWireServer) -> AsyncIterator[MongoProxy]:
    async with MongoProxy(mongo.port) as between:
        yield between


@pytest.fixture
async def scores(mongo: MongoWireServer) -> AsyncIterator[MongoScores]:
    async with MongoScores(mongo_settings(mongo.url)) as store:
        yield store


@pytest.fixture
async def proxied(proxy: MongoProxy) -> AsyncIterator[MongoScores]:
    async with MongoScores(mongo_settings(proxy.url)) as store:
        yield store


async def document(scores: MongoScores, collection: str, where: dict[str, Any]) -> dict[str, Any]:
    """The one document of the collection that is so."""
    async with scores._database() as database:
        (only,) = await database[collection].find(where).to_list(None)
    return dict(only)


async def test_a_head_is_a_document_that_people_can_query(scores: MongoScores) -> None:
    kept = head(position(1))
    await scores.apply("img_a", become(kept))
    stored = await document(scores, "images", {"restaurant_id": "r1"})
    assert (stored["_id"], stored["state"]) == ("img_a", "visible")
    assert stored["uploaded_at"].replace(tzinfo=UTC) == kept.position.uploaded_at
    assert stored["head"] == json.loads(kept.model_dump_json())


async def test_a_record_is_a_document_of_its_image_content_and_model(scores: MongoScores) -> None:
    kept = head(position(1))
    await scores.apply("img_a", become(kept), record(kept))
    stored = await document(scores, "scores", {"image_id": "img_a"})
    assert stored["_id"] == {"image_id": "img_a", "content_version": "e1", "model_version": "1"}
    assert stored["record"]["scores"]["probabilities"] == {"food": 0.9, "menu": 0.1}


async def test_calls_that_come_together_share_one_read_and_one_write_of_each_collection(
    proxied: MongoScores, proxy: MongoProxy
) -> None:
    every = [head(position(1), image=f"img_{number}") for number in range(100)]
    await asyncio.gather(*(proxied.apply(each.image_id, become(each), record(each)) for each in every))
    asked = {name: times for name, times in proxy.commands.items() if name.endswith(("images", "scores"))}
    assert asked == {"find images": 1, "update images": 1, "update scores": 1}


async def test_heads_that_are_asked_for_together_share_one_read(
    proxied: MongoScores, proxy: MongoProxy
) -> None:
    await asyncio.gather(*(proxied.head(f"img_{number}") for number in range(100)))
    assert proxy.commands["find images"] == 1


async def test_a_change_that_keeps_what_is_stored_writes_nothing(
    proxied: MongoScores, proxy: MongoProxy
) -> None:
    await proxied.apply("img_a", become(head(position(1))))
    await proxied.apply("img_a", unchanged)
    await proxied.apply("img_a", stale)
    assert proxy.commands["update images"] == 1


async def test_documents_of_the_first_release_are_read_and_written_over(scores: MongoScores) -> None:
    """Copied out of SQLite by whatever tool: such documents carry no token."""
    old_head, old_record = (
        json.loads((FIRST_RELEASE / name).read_text()) for name in ("head.json", "record.json")
    )
    key = {"image_id": "img_a", "content_version": "e1", "model_version": "1"}
    async with scores._database() as database:
        await database.images.insert_one({"_id": "img_a", "head": old_head})
        await database.scores.insert_one({"_id": key, "image_id": "img_a", "record": old_record})
    found = await scores.head("img_a")
    assert found == ImageHead.model_validate(old_head)
    assert found.is_announced
    assert await scores.records("img_a") == (ScoreRecord.model_validate(old_record),)
    newer = head(position(2))
    assert await scores.apply("img_a", at_least(newer), record(newer)) == Kept(head=newer)
    assert await scores.head("img_a") == newer
    assert await scores.records("img_a") == (ScoreRecord.model_validate(old_record),)


async def test_a_spoiled_document_is_the_trouble_of_its_own_callers_alone(scores: MongoScores) -> None:
    async with scores._database() as database:
        await database.images.insert_one({"_id": "img_bad", "head": {"image_id": 7}})
    good = head(position(1))
    bad, kept, unread = await asyncio.gather(
        scores.apply("img_bad", become(good)),
        scores.apply("img_a", become(good)),
        scores.head("img_bad"),
        return_exceptions=True,
    )
    assert isinstance(bad, ValueError)
    assert isinstance(unread, ValueError)
    assert kept == Kept(head=good)
    assert (await document(scores, "images", {"_id": "img_bad"}))["head"] == {"image_id": 7}


def too_large(plain: ImageHead) -> ImageHead:
    return plain.model_copy(update={"job": "x" * 2**24})


def not_text(plain: ImageHead) -> ImageHead:
    return plain.model_copy(update={"job": "\ud800"})


def beyond_integers(plain: ImageHead) -> ImageHead:
    return plain.model_copy(update={"revision": 2**64})


@pytest.mark.parametrize("spoil", [too_large, not_text, beyond_integers])
async def test_what_mongodb_cannot_hold_is_rejected_alone(scores: MongoScores, spoil: Any) -> None:
    first, second = head(position(1)), head(position(1), image="img_b")
    kept, refused, before = await asyncio.gather(
        scores.apply("img_a", become(first), record(first)),
        scores.apply("img_b", become(spoil(second)), record(second)),
        scores.apply("img_b", become(second)),
        return_exceptions=True,
    )
    assert kept == Kept(head=first)
    assert isinstance(refused, Rejected)
    assert refused.stage is Stage.STORE
    assert before == Kept(head=second)
    assert await scores.head("img_b") == second
    assert await scores.records("img_b") == ()


async def test_a_record_that_mongodb_cannot_hold_is_rejected_with_its_change(scores: MongoScores) -> None:
    first = head(position(1))
    spoiled = record(first).model_copy(update={"job": "\ud800"})
    with pytest.raises(Rejected):
        await scores.apply("img_a", become(first), spoiled)
    assert await scores.head("img_a") is None


async def test_statements_that_wait_together_take_one_write(mongo: MongoWireServer) -> None:
    writes = WritesOfStatements()
    monitoring.register(writes)
    said = [statement(minute, puid=f"p{minute}") for minute in range(8)]
    async with MongoScores(mongo_settings(mongo.url)) as store:
        await asyncio.gather(*(store.keep_statements([each]) for each in said))
        assert await store.statements() == tuple(said)
    assert writes.sizes == [8]


class WritesOfStatements(monitoring.CommandListener):
    """How many statements each write held."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if event.command.get("update") == "statements":
            self.sizes.append(len(event.command["updates"]))

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None: ...

    def failed(self, event: monitoring.CommandFailedEvent) -> None: ...


async def test_a_statement_that_mongodb_cannot_hold_is_rejected_alone(scores: MongoScores) -> None:
    first, second = statement(1, puid="p1"), statement(2, puid="p2", image="img_b")
    spoiled = statement(3, puid="p3").model_copy(update={"decision_facts": "\ud800"})
    refused = await asyncio.gather(
        scores.keep_statements([first]),
        scores.keep_statements([spoiled]),
        scores.keep_statements([second]),
        return_exceptions=True,
    )
    assert [type(each) for each in refused] == [type(None), Unforeseen, type(None)]
    assert await scores.statements() == (first, second)


URLS = (
    "",
    "nonsense",
    "http://localhost",
    "mongodb://",
    "mongodb://u:hush@h:port",
    "mongodb://u:hu/sh@h/db",
    "mongodb+srv://u:hush@a.b.c:27017/",
    "mongodb://u:hush@h/?authSource=",
    "mongodb://u:hush@h/?tlsCAFile=/nowhere/ca.pem",
    "mongodb://u:hush@h/?retryWrite=true",
)


@pytest.mark.parametrize("url", URLS)
async def test_what_is_no_url_of_mongodb_is_a_wrong_setting_and_its_password_is_not_told(url: str) -> None:
    with pytest.raises(ConfigurationError, match="not a URL of MongoDB") as caught:
        await MongoScores(mongo_settings(url)).__aenter__()
    assert "hu" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_the_url_is_not_shown() -> None:
    settings = mongo_settings("mongodb://me:hush@localhost")
    assert "hush" not in repr(settings)
    assert settings.url == SecretStr("mongodb://me:hush@localhost")


def standings(found: tuple[FoundIndex, ...]) -> dict[str, IndexState]:
    return {each.index.name: each.standing for each in found}


async def test_indexes_that_are_missing_are_made_once(scores: MongoScores) -> None:
    assert set(standings(await scores.indexes()).values()) == {IndexState.MISSING}
    assert set(standings(await scores.apply_indexes()).values()) == {IndexState.CREATED}
    assert set(standings(await scores.apply_indexes()).values()) == {IndexState.THERE}
    assert set(standings(await scores.indexes()).values()) == {IndexState.THERE}


async def build(scores: MongoScores, index: Index, keys: Keys, **options: Any) -> None:
    async with scores._database() as database:
        await database[index.collection].create_indexes([IndexModel(list(keys), **options)])


@pytest.mark.parametrize("index", INDEXES, ids=lambda index: index.name)
async def test_an_index_of_the_name_that_differs_is_told_and_left_as_it_is(
    scores: MongoScores, index: Index
) -> None:
    await build(scores, index, (("else", 1),), name=index.name)
    found = {each.index.name: each for each in await scores.apply_indexes()}[index.name]
    assert found.standing is IndexState.DIFFERS
    drop = f'db.getSiblingDB("d").{index.collection}.dropIndex("{index.name}")'
    assert found.mend("d") == f"{drop}, then tagstream store apply"
    async with scores._database() as database:
        information = await database[index.collection].index_information()
    assert information[index.name]["key"] == [("else", 1)]


async def test_the_keys_of_an_index_under_another_name_are_there(scores: MongoScores) -> None:
    await build(scores, INDEXES[0], INDEXES[0].keys, name="by_hand")
    assert standings(await scores.apply_indexes())[INDEXES[0].name] is IndexState.THERE


async def test_what_older_versions_built_carries_or_is_told_to_be_not_needed(scores: MongoScores) -> None:
    """Their hashed indexes of an image's documents stay in use; those by uploader have successors."""
    hashed = [index for index in INDEXES if index.is_by_equality]
    for index in hashed:
        await build(scores, index, (("image_id", "hashed"),), name=index.name)
    for index in RETIRED:
        await build(scores, index, index.keys, name=index.name, sparse=True)
    found = await scores.apply_indexes()
    assert {each.name for each in hashed} == {each.index.name for each in found if each.standing == "there"}
    retired = [each for each in found if each.standing is IndexState.RETIRED]
    assert {each.mend("d") for each in retired} == {
        f'db.getSiblingDB("d").images.dropIndex("{index.name}")' for index in RETIRED
    }
    assert IndexState.MISSING not in standings(found).values()


async def test_an_index_that_is_not_ours_is_named_and_left_alone(scores: MongoScores) -> None:
    await build(scores, INDEXES[0], (("head.location.key", 1),), name="theirs")
    (theirs,) = [each for each in await scores.apply_indexes() if each.standing is IndexState.FOREIGN]
    assert (theirs.index.name, theirs.mend("d")) == ("theirs", "")
    async with scores._database() as database:
        assert "theirs" in await database.images.index_information()


async def test_a_server_without_partial_indexes_gets_whole_ones(
    proxied: MongoScores, proxy: MongoProxy
) -> None:
    """As FerretDB 1 says it: the first that is partial is refused, and made over all documents."""
    partial = next(index for index in INDEXES if index.condition)
    said = {"ok": 0.0, "code": 238, "codeName": "NotImplemented", "errmsg": "not implemented yet"}
    proxy.strike("createIndexes images", Fault(), times=INDEXES.index(partial))
    proxy.strike("createIndexes images", Fault(answer=said))
    assert set(standings(await proxied.apply_indexes()).values()) == {IndexState.CREATED}
    assert set(standings(await proxied.indexes()).values()) == {IndexState.THERE}
    async with proxied._database() as database:
        assert set((await database.images.index_information())[partial.name]) == {"key", "v"}
