"""The embedded servers, started once for all suites that ask for them."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from streams.adapters.broker import EmbeddedBroker
from streams.adapters.embedded_s3 import EmbeddedS3

from .mongo_server import Missing, MongoWireServer


@pytest.fixture(scope="session")
def s3() -> Iterator[EmbeddedS3]:
    with EmbeddedS3() as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as running:
        yield running


@pytest.fixture(scope="session")
def mongo() -> Iterator[MongoWireServer]:
    """MongoDB's protocol; skips where it cannot run, unless `REQUIRE_MONGO` is set."""
    try:
        with MongoWireServer() as server:
            yield server
    except Missing as missing:
        if os.environ.get("REQUIRE_MONGO"):
            raise
        pytest.skip(str(missing))
