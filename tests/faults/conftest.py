"""What the drills of absent dependencies are held against."""

from __future__ import annotations

import asyncio

import pytest

from deploy.stack.stack import Stack
from tests.e2e.accounts import Outcome
from tests.e2e.traffic import Planned, plan
from tests.e2e.worker_under_test import BUCKET
from tests.faults.lives import (
    EVENTS,
    life,
    put_all,
)


@pytest.fixture(scope="module")
def planned(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> list[Planned]:
    """The messages of every run; their photographs stand in the bucket."""
    folder = tmp_path_factory.mktemp("planned")
    messages = plan(EVENTS, folder)
    asyncio.run(put_all(stack, folder / BUCKET))
    return messages


@pytest.fixture(scope="module")
def calm(stack: Stack, planned: list[Planned], tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """What a run leaves in which nothing goes wrong."""

    async def run() -> Outcome:
        async with life(stack, tmp_path_factory.mktemp("calm"), planned, print) as undisturbed:
            undisturbed.start()
            return await undisturbed.all_ended()

    return asyncio.run(run())
