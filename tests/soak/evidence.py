"""What there is when all is quiet: topics read back as a consumer would, and the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from agents.wiring.settings import StoreSettings
from agents.wiring.stores import open_store
from schemas import topics
from schemas.records import ImageHead, ScoreRecord
from streams.adapters.kafka.reader import TopicReader
from streams.message import Message
from streams.scanning import every_head

Messages = tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is there, in the order of each partition."""

    messages: Mapping[str, Messages]
    """By topic."""
    heads: Mapping[str, ImageHead]
    records: Mapping[str, tuple[ScoreRecord, ...]]
    """The history by image id."""

    def on(self, topic: str) -> Messages:
        """The topic's messages; none of a topic that was never used."""
        return self.messages.get(topic, ())

    @property
    def published(self) -> Messages:
        """What came in."""
        return (*self.on(topics.UPLOADED), *self.on(topics.DECISIONS))


async def gathered(bootstrap: str, store: StoreSettings) -> Evidence:
    """Read all of it."""
    messages = {topic: await read(bootstrap, topic) for topic in topics.ALL}
    async with open_store(store) as scores:
        heads = {head.image_id: head async for head in every_head(scores)}
        records = {image_id: await scores.records(image_id) for image_id in heads}
    return Evidence(messages, heads, records)


async def read(bootstrap: str, topic: str) -> Messages:
    """The whole topic."""
    async with TopicReader(bootstrap, topic) as reader:
        return tuple([message async for message in reader.read()])
