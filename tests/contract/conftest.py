"""The embedded servers, started once for all suites that ask for them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from streams.adapters.kafka.connection import EmbeddedBroker
from streams.adapters.s3.embedded import EmbeddedS3


@pytest.fixture(scope="session")
def s3() -> Iterator[EmbeddedS3]:
    with EmbeddedS3() as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as running:
        yield running
