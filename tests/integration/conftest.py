"""Brokers to test against: the embedded one, and the stack's for tests marked `real`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from deploy.stack.stack import Stack
from streams.adapters.kafka.connection import EmbeddedBroker


@pytest.fixture(scope="session")
def embedded() -> Iterator[str]:
    """The address of the embedded broker."""
    with EmbeddedBroker() as running:
        yield running.bootstrap


@pytest.fixture(scope="session")
def kafka(stack: Stack) -> str:
    """The address of a broker that takes declarations of topics: an Apache Kafka."""
    return stack.settings["TAGSTREAM_KAFKA__BROKERS"]


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.real)])
def bootstrap(request: pytest.FixtureRequest) -> str:
    """The address of either."""
    address: str = request.getfixturevalue(request.param)
    return address
