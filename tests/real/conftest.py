"""A module's premises: bucket, store and topics empty but for storage's greeting."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from deploy.stack.stack import Stack
from tests.e2e.fleet import Fleet
from tests.real.bucket import Bucket
from tests.real.findings import Findings
from tests.real.premises import Premises, renewed


@pytest.fixture(scope="module")
def premises(stack: Stack) -> Premises:
    Bucket(Premises(stack, "unused")).empty()
    return asyncio.run(renewed(stack))


@pytest.fixture(scope="module")
def bucket(premises: Premises) -> Bucket:
    return Bucket(premises)


@pytest.fixture(scope="module")
def findings(premises: Premises) -> Findings:
    return Findings(premises)


@pytest.fixture(scope="module")
def fleet(premises: Premises, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Workers whose tagger goes by the digest of the bytes, where the model does not matter."""
    workers = Fleet(premises.bootstrap, tmp_path_factory.mktemp("fleet"), dict(premises.settings))
    yield workers
    workers.end()
