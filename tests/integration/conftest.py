"""Brokers to test against: the embedded one, and a real one where `KAFKA_BOOTSTRAP` names it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from streams.adapters.broker import EmbeddedBroker


@pytest.fixture(scope="session")
def embedded() -> Iterator[str]:
    """The address of the embedded broker."""
    with EmbeddedBroker() as running:
        yield running.bootstrap


@pytest.fixture(scope="session")
def kafka() -> str:
    """The address of a broker that takes declarations of topics: an Apache Kafka."""
    if not (bootstrap := os.environ.get("KAFKA_BOOTSTRAP")):
        pytest.skip("KAFKA_BOOTSTRAP names no broker")
    return bootstrap


@pytest.fixture(params=["embedded", *(["kafka"] if "KAFKA_BOOTSTRAP" in os.environ else [])])
def bootstrap(request: pytest.FixtureRequest) -> str:
    """The address of either."""
    address: str = request.getfixturevalue(request.param)
    return address
