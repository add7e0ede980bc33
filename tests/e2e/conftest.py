"""A fleet of workers over the embedded broker and a folder of photographs, for whoever needs no other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from schemas import topics
from streams.adapters.kafka.connection import EmbeddedBroker
from tests.e2e.dev_process import Dev
from tests.e2e.fleet import Fleet
from tests.e2e.worker_under_test import BUCKET


@pytest.fixture
def environment() -> dict[str, str]:
    """The settings of the fleet's workers; a file that has others says which."""
    return {}


@pytest.fixture
def dev(tmp_path: Path) -> Iterator[Dev]:
    """A `tagstream dev` that has started; killed in the end."""
    with _started(tmp_path) as running:
        yield running


@pytest.fixture
def dev_without_api(tmp_path: Path) -> Iterator[Dev]:
    """The same with workers alone, for tests that ask the API nothing: it starts for seconds of CPU."""
    with _started(tmp_path, "--no-api") as running:
        yield running


@contextmanager
def _started(where: Path, *options: str) -> Iterator[Dev]:
    running = Dev(where, *options)
    try:
        running.wait_until_it_says("started")
        yield running
    finally:
        running.process.kill()
        running.process.wait()


@pytest.fixture
def fleet(tmp_path: Path, environment: dict[str, str]) -> Iterator[Fleet]:
    with EmbeddedBroker() as broker:
        broker.create(*topics.ALL)
        workers = Fleet(broker.bootstrap, tmp_path, environment)
        (workers.images / BUCKET).mkdir(parents=True)
        yield workers
        workers.end()
