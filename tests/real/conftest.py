"""A module's premises: topics and store empty, bucket empty, whoever was here before."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from deploy.stack.stack import Stack
from tests.e2e.fleet import Fleet
from tests.real.bucket import Bucket
from tests.real.findings import Findings
from tests.real.premises import Premises, fresh


@pytest.fixture(scope="module")
def premises(stack: Stack) -> Premises:
    Bucket(Premises(stack, "unused")).empty()
    return asyncio.run(fresh(stack))


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
