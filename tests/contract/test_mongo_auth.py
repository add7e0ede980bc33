"""Logins and TLS out of MongoDB's URL."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from schemas.errors import ConfigurationError, Unavailable
from streams.adapters.mongo.settings import MongoSettings
from streams.adapters.mongo.store import MongoScores
from tests.certificates import Authority, server_context
from tests.contract.mongo_auth import MongoAuth
from tests.contract.mongo_server import MongoWireServer

USER, PASSWORD = "tagger@kitchen", "canary:p@ss/w%rd,=é"


def scores(url: str) -> MongoScores:
    return MongoScores(MongoSettings(url=SecretStr(url), database="auth", timeout=5))


async def refusal(url: str) -> str:
    """What is said of a store that cannot be asked; never the password."""
    with pytest.raises(Unavailable) as raised:
        async with scores(url) as store:
            await store.ping()
    assert raised.value.dependency == "store"
    assert "canary" not in str(raised.value)
    return str(raised.value)


async def test_a_login_out_of_the_url_is_let_in_whatever_its_characters(mongo: MongoWireServer) -> None:
    async with MongoAuth(mongo.port, USER, PASSWORD) as server:
        async with scores(server.url(USER, PASSWORD)) as store:
            await store.ping()
            await store.apply_indexes()
        assert server.logins
        assert server.refused == []


async def test_without_a_login_nothing_is_answered(mongo: MongoWireServer) -> None:
    async with MongoAuth(mongo.port, USER, PASSWORD) as server:
        assert "requires authentication" in await refusal(f"mongodb://{server.address}")
        assert server.refused
        assert not server.logins


@pytest.mark.parametrize(("user", "password"), [(USER, "canary-wrong"), ("canary-nobody", PASSWORD)])
async def test_a_wrong_login_is_unavailable_and_says_so(
    mongo: MongoWireServer, user: str, password: str
) -> None:
    async with MongoAuth(mongo.port, USER, PASSWORD) as server:
        assert "Authentication failed" in await refusal(server.url(user, password))
        assert not server.logins


async def test_a_store_whose_login_is_put_right_is_back(mongo: MongoWireServer) -> None:
    server = MongoAuth(mongo.port, USER, "canary-of-another")
    async with server, scores(server.url(USER, PASSWORD)) as store:
        with pytest.raises(Unavailable):
            await store.ping()
        server.password = PASSWORD
        await store.ping()


async def test_tls_out_of_the_url_verifies_the_server(mongo: MongoWireServer, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    other = Authority(tmp_path, "other")
    context = server_context(authority.certificate("mongo"))
    async with MongoAuth(mongo.port, USER, PASSWORD, context) as server:
        trusted = server.url(USER, PASSWORD, "tls=true", f"tlsCAFile={authority.file}")
        async with scores(trusted) as store:
            await store.ping()
        assert server.logins
        said = await refusal(server.url(USER, PASSWORD, "tls=true", f"tlsCAFile={other.file}"))
        assert "CERTIFICATE_VERIFY_FAILED" in said
        await refusal(server.url(USER, PASSWORD))


async def test_an_authority_s_file_that_is_not_there_is_a_wrong_setting(tmp_path: Path) -> None:
    url = f"mongodb://tagger:canary@127.0.0.1:1/?tls=true&tlsCAFile={tmp_path}/none.pem"
    with pytest.raises(ConfigurationError) as raised:
        await scores(url).__aenter__()
    assert "canary" not in str(raised.value)
