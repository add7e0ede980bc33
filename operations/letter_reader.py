"""Reads dead letters off their topics, in no consumer group, with what the journal says of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Final

from operations import redrive_journal
from operations.dead_letters import Letter
from operations.redrive_journal import Past
from schemas.errors import Gone
from streams.adapters.kafka.connection import KafkaAddress
from streams.adapters.kafka.reader import NoTopic, TopicReader
from streams.message import Message

_UNDATED: Final = datetime.min.replace(tzinfo=UTC)

ReadProgress = Callable[[int, int], None]
"""Told how many records are read, and how many there are about."""


async def read(bootstrap: KafkaAddress, names: Iterable[str], progress: ReadProgress) -> list[Letter]:
    """Every letter of the topics, oldest first."""
    past = await redrive_journal.read(bootstrap)
    letters = [letter for name in names for letter in await _read_topic(bootstrap, name, past, progress)]
    return sorted(letters, key=lambda letter: (letter.message.timestamp or _UNDATED, letter.place))


async def _read_topic(bootstrap: KafkaAddress, name: str, past: Past, progress: ReadProgress) -> list[Letter]:
    letters: list[Letter] = []
    try:
        async with TopicReader(bootstrap, name) as reader:
            start, end = await reader.oldest(), await reader.ends()
            total = sum(end.values()) - sum(start.values())
            async for message in reader.read(start, end):
                letters.append(_letter(message, past))
                progress(len(letters), total)
    except NoTopic:
        return []
    return letters


async def read_one(bootstrap: KafkaAddress, name: str, place: tuple[int, int]) -> Letter:
    """The letter at `place`; raises `Gone` where there is none (any more)."""
    partition, offset = place
    past = await redrive_journal.read(bootstrap)
    async with TopicReader(bootstrap, name) as reader:
        if partition in reader.partitions:
            async for message in reader.read({partition: offset}, await _until(reader, partition, offset)):
                return _letter(message, past)
    raise Gone(f"{name} has no letter at {partition}:{offset}; it never had, or it has expired")


def _letter(message: Message, past: Past) -> Letter:
    return Letter(message, message.source in past.sent, past.begun.get(message.source))


async def _until(reader: TopicReader, partition: int, offset: int) -> dict[int, int]:
    ends = await reader.ends()
    return {partition: min(offset + 1, ends[partition])}
