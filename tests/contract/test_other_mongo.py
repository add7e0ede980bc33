"""`make test-mongo`: what it says of a server, what it refuses, and that it leaves nothing there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests import other_mongo
from tests.other_mongo import Server, Unfit, drop, facts, free, opened, tried

from .mongo_auth import MongoAuth
from .mongo_proxy import Fault, MongoProxy
from .mongo_server import MongoWireServer


@pytest.fixture
def server(mongo: MongoWireServer) -> Iterator[Server]:
    with opened(mongo.url) as client:
        yield client


@pytest.fixture
def begins() -> str:
    return f"run-{uuid4().hex[:8]}"


def test_a_servers_version_and_what_majority_means_there_are_told(server: Server) -> None:
    version, topology = facts(server)
    assert version.startswith("server: MongoDB ")
    assert "majority, j: true" in topology


def test_what_the_store_needs_is_tried_and_nothing_of_it_stays(server: Server, begins: str) -> None:
    assert [line.partition(":")[0] for line in tried(server, begins)] == ["partial indexes", "hashed indexes"]
    assert not [name for name in server.list_database_names() if name.startswith(begins)]


def test_a_database_that_is_there_is_not_taken_for_the_runs_own(server: Server, begins: str) -> None:
    server[f"{begins}-theirs"].people.insert_one({"_id": 1})
    with pytest.raises(Unfit, match=f"{begins}-theirs, which is not this run's"):
        list(free(server, begins))
    assert server[f"{begins}-theirs"].people.find_one({"_id": 1})
    server.drop_database(f"{begins}-theirs")


def test_a_run_drops_its_own_databases_and_no_other(server: Server, begins: str) -> None:
    other = f"{begins}s"
    for name in (f"{begins}-1", f"{begins}-2", other):
        server[name].images.insert_one({"_id": 1})
    assert drop(server, begins) == f"dropped: 2 databases {begins}-*"
    assert [name for name in server.list_database_names() if name.startswith(begins)] == [other]
    server.drop_database(other)


def test_nobody_at_the_url_is_told() -> None:
    with pytest.raises(Unfit, match="nobody answers: "):
        opened("mongodb://127.0.0.1:1", within=0.2)


def test_what_is_unfit_is_one_line_and_exit_2(capfd: pytest.CaptureFixture[str]) -> None:
    assert other_mongo.main(["nonsense://h"]) == 2
    said = capfd.readouterr().err
    assert said.startswith("test-mongo: not a URL of MongoDB")
    assert said.count("\n") == 1


async def test_a_login_that_is_refused_is_told_as_such(mongo: MongoWireServer) -> None:
    async with MongoAuth(mongo.port, "me", "pencil") as server:
        with pytest.raises(Unfit, match=r"refuses the login \(18\)") as caught:
            await asyncio.to_thread(opened, server.url("me", "hush"))
    assert "hush" not in str(caught.value)


async def test_missing_rights_are_told_with_those_that_are_needed(
    mongo: MongoWireServer, begins: str
) -> None:
    said = {"ok": 0.0, "code": 13, "codeName": "Unauthorized", "errmsg": "not authorized"}
    async with MongoProxy(mongo.port) as proxy:
        proxy.strike("insert probe", Fault(answer=said))
        client = await asyncio.to_thread(opened, proxy.url)
        with client, pytest.raises(Unfit, match=f"make and drop databases {begins}"):
            await asyncio.to_thread(lambda: list(tried(client, begins)))


@pytest.mark.parametrize("url", ["nonsense", "mongodb://", "mongodb://u:hush@h:port"])
def test_what_is_no_url_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(Unfit) as caught:
        opened(url)
    assert "hush" not in str(caught.value)
