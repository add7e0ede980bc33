"""The broker as producers and moderators have it: they publish, and they follow what is tagged."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from schemas import topics
from streams.adapters.kafka.reader import TopicReader
from tests.soak.ledger import Ledger

PATIENCE: Final = 60.0
"""Seconds for an acknowledgement: longer than the broker is ever away."""


class Outbox:
    """Publishes, and writes down in the ledger what was acknowledged."""

    def __init__(self, bootstrap: str, ledger: Ledger) -> None:
        self._bootstrap = bootstrap
        self._ledger = ledger
        self._producer: Any = None
        self._turn = asyncio.Lock()

    async def publish(self, topic: str, key: str, value: bytes) -> None:
        """The message is on the topic; or counted as refused, and then nobody knows."""
        producer = await self._opened()
        try:
            async with asyncio.timeout(PATIENCE):
                said = await producer.send_and_wait(topic, value, key=key.encode())
        except (KafkaError, TimeoutError):
            self._ledger.refused += 1
            await self._give_up(producer)
        else:
            self._ledger.acknowledged.add((topic, said.partition, said.offset))

    async def close(self) -> None:
        """Disconnect."""
        if self._producer is not None:
            await self._give_up(self._producer)

    async def _opened(self) -> Any:
        async with self._turn:
            if self._producer is None:
                producer = AIOKafkaProducer(
                    bootstrap_servers=self._bootstrap,
                    acks="all",
                    enable_idempotence=True,
                    request_timeout_ms=int(PATIENCE * 1000),
                    linger_ms=5,
                )
                await producer.start()
                self._producer = producer
            return self._producer

    async def _give_up(self, producer: Any) -> None:
        """aiokafka's sender may have died of a batch that it no longer knew: then it sends nothing more."""
        if self._producer is producer:
            self._producer = None
            with suppress(KafkaError, TimeoutError, KeyError):
                await asyncio.wait_for(producer.stop(), 5)


@asynccontextmanager
async def opened(bootstrap: str, ledger: Ledger) -> AsyncIterator[Outbox]:
    """Connected when it is first used."""
    outbox = Outbox(bootstrap, ledger)
    try:
        yield outbox
    finally:
        await outbox.close()


class Moderator:
    """Who looks at what is tagged: the bytes of each image that were scored last, as far as was read."""

    def __init__(self) -> None:
        self.seen: dict[str, str] = {}
        """sha256 of the content by image id, of images that stand."""
        self.events = 0

    async def follow(self, bootstrap: str) -> None:
        """Read for ever; waits while the broker is away."""
        async with TopicReader(bootstrap, topics.TAGGED) as reader:
            async for message in reader.follow():
                event = json.loads(message.value or b"{}")
                self.events += 1
                if event.get("content_digest"):
                    self.seen[event["image_id"]] = event["content_digest"]
