"""The stack's document server over its file: killed under writes, started again, and updated for long."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest
from pydantic import SecretStr

from deploy.stack.documents import documents
from deploy.stack.layout import HOST, Layout, Ports, default_cache
from deploy.stack.service import Service
from schemas.errors import Unavailable
from schemas.records import ImageHead
from streams.adapters.mongo.index_states import IndexState
from streams.adapters.mongo.settings import MongoSettings
from streams.adapters.mongo.store import MongoScores
from tests.contract.builders import head, position, record
from tests.contract.stores import counted

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

KILLS = 4
WRITERS = 16
UPDATES = 6_000
MOST_BYTES = 24 * 2**20


@pytest.fixture
def layout(tmp_path: Path) -> Iterator[Layout]:
    with Ports.reserved() as ports:
        yield Layout(tmp_path, ports, default_cache())


@pytest.fixture
def server(layout: Layout) -> Iterator[Service]:
    service = documents(layout)
    service.start()
    yield service
    service.stop()


@pytest.fixture
def settings(layout: Layout) -> MongoSettings:
    url = SecretStr(f"mongodb://{HOST}:{layout.ports.mongo}/?serverSelectionTimeoutMS=500")
    return MongoSettings(url=url, database="tagstream", timeout=5)


def kill(server: Service) -> None:
    pid = server.pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    while server.pid() is not None:
        pass


class Writer:
    """Writes its own images, old and new, until told that the server is gone, and knows what it was promised.

    An answer that comes too late from a server that lives is ridden out: it promised nothing.
    """

    def __init__(self, name: int, scores: MongoScores) -> None:
        self._scores = scores
        self._new = (f"img_{name}_{number}" for number in count())
        self.promised: dict[str, ImageHead] = {}
        self.is_server_gone = False

    async def write(self) -> None:
        while not self.is_server_gone:
            with suppress(Unavailable):
                is_old = self.promised and random.random() < 0.5
                image = random.choice(list(self.promised)) if is_old else next(self._new)
                first = head(position(1), image=image)
                kept = await self._scores.apply(image, counted(first), record(first))
                self.promised[image] = kept.head


async def killed_amid_writes(server: Service, settings: MongoSettings) -> dict[str, ImageHead]:
    """What was acknowledged until the server was killed, once every writer was promised something."""
    async with MongoScores(settings) as scores:
        writers = [Writer(number, scores) for number in range(WRITERS)]
        writing = asyncio.gather(*(writer.write() for writer in writers))
        while not all(writer.promised for writer in writers):
            await asyncio.sleep(0.01)
        await asyncio.sleep(random.uniform(0.5, 1.5))
        await asyncio.to_thread(kill, server)
        for writer in writers:
            writer.is_server_gone = True
        await writing
    return {image: kept for writer in writers for image, kept in writer.promised.items()}


def test_what_is_acknowledged_outlives_the_servers_death(server: Service, settings: MongoSettings) -> None:
    for _ in range(KILLS):
        promised = asyncio.run(killed_amid_writes(server, settings))
        server.start()
        asyncio.run(holds(promised, settings))


async def holds(promised: dict[str, ImageHead], settings: MongoSettings) -> None:
    async with MongoScores(settings) as scores:
        held = await scores.heads(promised)
        some = random.sample(sorted(promised), k=WRITERS)
        histories = [await scores.records(image) for image in some]
    lost = [
        image for image, kept in promised.items() if image not in held or held[image].revision < kept.revision
    ]
    assert not lost
    assert all(len(history) == 1 for history in histories)


def test_updates_of_the_same_images_do_not_fill_the_disk(server: Service, settings: MongoSettings) -> None:
    async def update() -> None:
        async with MongoScores(settings) as scores:
            for _ in range(UPDATES // WRITERS):
                images = random.sample(range(200), WRITERS)
                heads = [head(position(1), image=f"img_{each}") for each in images]
                await asyncio.gather(*(scores.apply(each.image_id, counted(each)) for each in heads))

    asyncio.run(update())

    assert sum(each.stat().st_size for each in server.folder.iterdir()) < MOST_BYTES


def test_indexes_and_their_answers_are_back_after_a_start(server: Service, settings: MongoSettings) -> None:
    stored = head(position(1), image="img_a")

    async def store() -> None:
        async with MongoScores(settings) as scores:
            await scores.apply_indexes()
            await scores.apply("img_a", counted(stored), record(stored))

    asyncio.run(store())
    server.stop()
    server.start()

    async def read() -> None:
        async with MongoScores(settings) as scores:
            assert {each.standing for each in await scores.indexes()} == {IndexState.THERE}
            assert await scores.records("img_a") == (record(stored),)

    asyncio.run(read())
