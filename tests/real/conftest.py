"""A module's premises: bucket, store and topics empty but for storage's greeting."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress

import pytest

from deploy.stack.stack import Stack
from schemas import topics
from streams.adapters.topic_reader import NoTopic, TopicReader
from tests.e2e.fleet import Fleet
from tests.real.bucket import Bucket
from tests.real.findings import Findings
from tests.real.premises import WITHIN, Premises, fresh


@pytest.fixture(scope="module")
def premises(stack: Stack) -> Premises:
    """Storage begins anew too: what it has to say on a topic just made again it drops for a while."""
    Bucket(Premises(stack, "unused")).empty()
    stack.storage.stop()
    try:
        made = asyncio.run(fresh(stack))
        asyncio.run(_has_leaders(made.bootstrap, topics.UPLOADED))
    finally:
        stack.storage.start()  # for the modules after this one too
    return made


async def _has_leaders(bootstrap: str, topic: str) -> None:
    """Return when every partition takes records: the broker learns of a new topic a little later."""
    async with asyncio.timeout(WITHIN):
        while True:
            with suppress(NoTopic):
                async with TopicReader(bootstrap, topic) as reader:
                    await reader.ends()
                    return
            await asyncio.sleep(0.1)


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
