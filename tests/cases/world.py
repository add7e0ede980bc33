"""A world for one case: a broker, a folder of photographs, a worker process and its store, all new."""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from aiokafka import AIOKafkaProducer
from aiokafka.structs import TopicPartition

from agents.testing import FakeTagger
from schemas import topics
from schemas.records import ImageHead, State
from streams.adapters.kafka.connection import PARTITIONS, EmbeddedBroker
from streams.adapters.kafka.consumer import groupless
from streams.adapters.kafka.reader import read_all
from streams.message import Message
from streams.scanning import every_head
from tests.e2e.accounts import opened
from tests.e2e.fleet import ROOT, Fleet
from tests.e2e.worker_under_test import BUCKET

READ: Final = (topics.UPLOADED, topics.DECISIONS, topics.RETRY)
PLACES: Final = [TopicPartition(topic, number) for topic in READ for number in range(PARTITIONS)]
SETTLES_WITHIN: Final = 90.0
QUICK: Final = {
    "TAGSTREAM_DEFERRAL__GONE": "1",
    "TAGSTREAM_DEFERRAL__DELAY": "1",
    "TAGSTREAM_DEFERRAL__MOST": "1",
    "TAGSTREAM_KAFKA__COMMIT_INTERVAL": "0.2",
}
"""So that what is tried again later ends while somebody looks."""


@dataclass(frozen=True)
class Seen:
    """What stands after a step, and what the step brought."""

    heads: Mapping[str, ImageHead]
    changed: frozenset[str]
    """The images whose heads it changed."""
    letters: tuple[Message, ...]
    """The dead letters and the parked messages that it brought."""
    removed: frozenset[str]
    """The images whose tags it ended with a tombstone."""

    @property
    def causes(self) -> tuple[str, ...]:
        """What the letters say."""
        return tuple(
            dict(each.headers).get("__connect.errors.exception.message", b"").decode(errors="replace")
            for each in self.letters
        )


NOTHING: Final = Seen({}, frozenset(), (), frozenset())


@dataclass
class World:
    """The world while it runs."""

    fleet: Fleet
    photographs: dict[str, bytes] = field(default_factory=dict)
    """What was put last, by key."""
    _before: Seen = NOTHING
    _letters: int = 0
    _tombstones: int = 0

    @property
    def bootstrap(self) -> str:
        """Where its broker is."""
        return self.fleet.bootstrap

    def put(self, key: str, data: bytes | None) -> None:
        """Let these bytes stand at the key, or nothing."""
        path = self.fleet.images / BUCKET / key
        if data is None:
            path.unlink(missing_ok=True)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        self.photographs[key] = data

    async def publish(self, topic: str, value: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Send one message."""
        sent = [(name, text.encode()) for name, text in (headers or {}).items()]
        producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap, acks="all")
        async with producer:
            await producer.send_and_wait(topic, value, key=b"case", headers=sent)

    async def settled(self) -> Seen:
        """What stands once the worker has finished all that was sent; raises `TimeoutError`."""
        async with asyncio.timeout(SETTLES_WITHIN):
            quiet = 0
            while quiet < 2:
                await asyncio.sleep(0.4)
                quiet = quiet + 1 if await self._is_idle() else 0
        return await self.seen()

    async def seen(self) -> Seen:
        """What stands now, and what has come since the last time it was asked."""
        async with opened(self.fleet.store) as scores:
            heads = {head.image_id: head async for head in every_head(scores)}
        before = self._before.heads
        changed = {image for image, head in heads.items() if before.get(image) != head}
        letters = [*await read_all(self.bootstrap, topics.DEAD_LETTERS)]
        letters += await read_all(self.bootstrap, topics.PARKING)
        ended = [each for each in await read_all(self.bootstrap, topics.LATEST) if each.value is None]
        new = tuple(letters[self._letters :])
        removed = frozenset((each.key or b"").decode() for each in ended[self._tombstones :])
        self._letters, self._tombstones = len(letters), len(ended)
        self._before = Seen(heads, frozenset(changed), new, removed)
        return self._before

    async def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `tagstream` with these arguments, as somebody at a terminal does."""
        settings = {
            "TAGSTREAM_KAFKA__BROKERS": self.bootstrap,
            "TAGSTREAM_STORE__PATH": str(self.fleet.store),
            "TAGSTREAM_S3__BUCKETS": f'["{BUCKET}"]',
        }
        line = [sys.executable, "-m", "tagstream", *arguments]
        run = partial(
            subprocess.run, line, cwd=ROOT, env=os.environ | settings, capture_output=True, text=True
        )
        return await asyncio.to_thread(run, check=False, timeout=SETTLES_WITHIN)

    async def _is_idle(self) -> bool:
        async with groupless(self.bootstrap, seconds=30.0, offsets_of="tagstream") as consumer:
            consumer.assign(PLACES)
            ends = await consumer.end_offsets(PLACES)
            committed = {place: await consumer.committed(place) or 0 for place in PLACES}
        return all(committed[place] >= end for place, end in ends.items())


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    """A new one, with its worker running."""
    with EmbeddedBroker() as broker, tempfile.TemporaryDirectory(prefix="tagstream-case-") as folder:
        broker.create(*topics.ALL)
        fleet = Fleet(broker.bootstrap, Path(folder), environment=dict(QUICK))
        (fleet.images / BUCKET).mkdir(parents=True)
        fleet.start()
        try:
            yield World(fleet)
        finally:
            fleet.end()


async def photograph(name: str, *, state: State = State.VISIBLE) -> bytes:
    """Bytes that the quick tagger leaves in that state; others for every `name`."""
    tagger = FakeTagger()
    number = 0
    while True:
        data = f"{name}/{number}".encode()
        verdict = tagger.decide((await tagger.score(data)).scores, None)
        hidden = any(route.label in {"menu", "human"} for route in verdict.routes)
        if hidden == (state is State.HIDDEN):
            return data
        number += 1


def digest(data: bytes) -> str:
    """As the head's content says it."""
    return hashlib.sha256(data).hexdigest()
