"""`tagstream store`, against a server and without one."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agents.wiring import settings
from operations import erase
from operations.erasure_targets import ErasureRequest
from schemas.errors import ConfigurationError
from streams.adapters.mongo.indexes import INDEXES
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
