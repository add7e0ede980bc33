"""Servers that more than one kind of test asks for."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.contract.mongo_server import Missing, MongoWireServer


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
