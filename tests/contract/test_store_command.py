"""`tagstream store`, against a server and without one."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from typer.testing import CliRunner

from agents.wiring import settings
from operations import erase, store_checks
from operations.erasure_targets import ErasureRequest
from operations.unwell import Unwell
from schemas.errors import ConfigurationError
from streams.adapters.mongo.indexes import INDEXES, RETIRED
from tagstream.commands import store
from tests.own_databases import own_database

from .mongo_server import MongoWireServer


@pytest.fixture
def mongo_url(mongo: MongoWireServer, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("TAGSTREAM_STORE__URL", mongo.url)
    monkeypatch.setenv("TAGSTREAM_STORE__DATABASE", own_database())
    return mongo.url


def said(*words: str) -> str:
    result = CliRunner().invoke(store.app, words)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.usefixtures("mongo_url")
def test_apply_makes_the_indexes_and_show_finds_them() -> None:
    def standings(word: str) -> list[str]:
        return [index["standing"] for index in json.loads(said(word, "--json"))["indexes"]]

    assert standings("show") == ["missing"] * len(INDEXES)
    assert standings("apply") == ["created"] * len(INDEXES)
    assert standings("apply") == ["there"] * len(INDEXES)
    assert standings("show") == ["there"] * len(INDEXES)


@pytest.mark.usefixtures("mongo_url")
def test_show_names_every_index_and_how_to_shard() -> None:
    shown = said("show")
    assert all(index.name in shown for index in INDEXES)
    assert 'images", { "_id": "hashed" })' in shown
    assert '.scores.createIndex({ "image_id": "hashed" })' in shown
    assert shown.count("  tagstream store apply\n") == len(INDEXES)


@pytest.mark.usefixtures("mongo_url")
def test_an_erasure_by_uploader_wants_the_index_by_which_it_is_found() -> None:
    request = ErasureRequest(uploader_id="u1")
    with pytest.raises(ConfigurationError, match="run `tagstream store apply`"):
        asyncio.run(erase.choose(settings.load(), request))
    said("apply")
    assert asyncio.run(erase.choose(settings.load(), request)) == ()


def checked() -> str:
    return asyncio.run(store_checks.mongo(settings.load()))


@pytest.mark.usefixtures("mongo_url")
def test_the_doctor_says_what_is_missing_and_is_content_once_it_is_made() -> None:
    with pytest.raises(Unwell, match=r"^indexes: images.images_by_uploader_of_storage \(missing\)") as caught:
        checked()
    assert caught.value.mend == "`tagstream store apply` makes those that are missing"
    said("apply")
    assert checked().endswith(f"{len(INDEXES)} indexes are there")


def test_the_doctor_and_show_say_what_differs_and_what_nobody_needs(mongo_url: str) -> None:
    retired = RETIRED[0]
    with MongoClient[dict[str, Any]](mongo_url) as client:
        database = client[os.environ["TAGSTREAM_STORE__DATABASE"]]
        database.images.create_index(list(retired.keys), name=retired.name, sparse=True)
        database.statements.create_index([("place", -1)], name="statements_in_order")
        said("apply")
        with pytest.raises(Unwell, match=r"indexes: statements.statements_in_order \(differs\)$") as caught:
            checked()
        assert caught.value.mend.endswith("`tagstream store show` tells of the others")
        shown = said("show")
        assert 'statements_in_order (differs, what is there: { "place": -1 })' in shown
        assert '.statements.dropIndex("statements_in_order"), then tagstream store apply' in shown
        assert f'  db.getSiblingDB("{database.name}").images.dropIndex("{retired.name}")\n' in shown
        database.statements.drop_index("statements_in_order")
    said("apply")
    assert checked().endswith("1 not needed any more (`tagstream store show`)")


def test_the_doctor_does_not_miss_an_index_that_only_people_use(mongo_url: str) -> None:
    said("apply")
    with MongoClient[dict[str, Any]](mongo_url) as client:
        client[os.environ["TAGSTREAM_STORE__DATABASE"]].images.drop_index("images_by_upload")
    assert checked().endswith(f"{len(INDEXES) - 1} indexes are there")


@pytest.mark.parametrize("word", ["apply", "show"])
def test_sqlite_needs_nothing(word: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TAGSTREAM_STORE__PATH", str(tmp_path / "scores.db"))
    assert "nothing to apply" in said(word)
    assert json.loads(said(word, "--json"))["store"] == "sqlite"
    assert not (tmp_path / "scores.db").exists()


def test_a_store_that_is_away_is_one_line_and_exit_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAGSTREAM_STORE__URL", "mongodb://127.0.0.1:1")
    monkeypatch.setenv("TAGSTREAM_STORE__TIMEOUT", "0.2")
    result = CliRunner().invoke(store.app, ["show"])
    assert result.exit_code == 1
    assert result.stderr.startswith("tagstream: ServerSelectionTimeoutError: 127.0.0.1:1: ")
    assert result.stderr.count("\n") == 1
