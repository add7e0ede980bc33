"""What rows share: the photographs of a matrix, and what absent dependencies are held against."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from deploy.stack.stack import Stack
from tests.e2e.accounts import Outcome
from tests.e2e.traffic import Planned, plan
from tests.e2e.worker_under_test import BUCKET
from tests.faults.lives import EVENTS, life
from tests.faults.matrix import Row, rows
from tests.faults.storing import put_all


@pytest.fixture(scope="module")
def planned(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> list[Planned]:
    """The messages of every run; their photographs stand in the bucket."""
    folder = tmp_path_factory.mktemp("planned")
    messages = plan(EVENTS, folder)
    photographs = {path.name: path.read_bytes() for path in (folder / BUCKET).iterdir()}
    asyncio.run(put_all(stack, photographs))
    return messages


@pytest.fixture(scope="module")
def calm(stack: Stack, planned: list[Planned], tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """What a run leaves in which nothing goes wrong."""

    async def run() -> Outcome:
        async with life(stack, tmp_path_factory.mktemp("calm"), planned, print) as undisturbed:
            undisturbed.start()
            return await undisturbed.all_ended()

    return asyncio.run(run())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def matrix(
    stack: Stack, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[dict[str, Row]]:
    """The rows that the module names in `NAMES`."""
    async with rows(stack, request.module.NAMES, tmp_path_factory.mktemp("matrix")) as made:
        yield made
