"""The embedded servers, started once for all suites that ask for them, and the score stores of each kind."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from pymongo import monitoring

from streams.adapters.kafka.connection import EmbeddedBroker
from streams.adapters.s3.embedded import EmbeddedS3
from tests.other_mongo import URL_VARIABLE
from tests.query_watch import QueryWatch, SeenQueries

from .stores import Place, Scores, place

SCORE_STORES = ("memory", "sqlite", "mongo", pytest.param("mongo-file", marks=pytest.mark.real))


@pytest.fixture(scope="session")
def s3() -> Iterator[EmbeddedS3]:
    with EmbeddedS3() as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as running:
        yield running


@pytest.fixture(params=SCORE_STORES)
def store_place(request: pytest.FixtureRequest) -> Place:
    return place(request.param, request)


@pytest.fixture
async def scores(store_place: Place) -> AsyncIterator[Scores]:
    async with store_place.store() as store:
        yield store


@pytest.fixture(scope="session")
def _watched_queries() -> SeenQueries:
    """What every client of MongoDB asks that is made from now on."""
    seen = SeenQueries()
    monitoring.register(QueryWatch(seen))
    return seen


@pytest.fixture(autouse=True)
def seen_queries(_watched_queries: SeenQueries) -> Iterator[SeenQueries]:
    """The test's own queries; each must be carried."""
    _watched_queries.by_shape.clear()
    yield _watched_queries
    assert _watched_queries.uncarried == []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Over somebody else's server: what is about it, and nothing of the other stores."""
    if URL_VARIABLE in os.environ:
        items[:] = [item for item in items if _is_over_mongo(item)]


def _is_over_mongo(item: pytest.Item) -> bool:
    if Path(__file__).parent not in item.path.parents:
        return True
    given = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    return "mongo" in getattr(item, "fixturenames", ()) or given.get("store_place") == "mongo"
