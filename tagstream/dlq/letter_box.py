"""Letters off their topics, each with whether it was sent back already."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from schemas import topics
from schemas.errors import ConfigurationError, Gone
from streams.adapters.kafka_connection import KafkaAddress
from streams.adapters.topic_admin import TopicAdmin
from streams.adapters.topic_reader import NoTopic, TopicReader
from streams.adapters.topic_state import Declared
from tagstream.dlq import redriving
from tagstream.dlq.letters import Letter, Place

_UNDATED: Final = datetime.min.replace(tzinfo=UTC)

Progress = Callable[[int, int], None]
"""Told how many records are read, and how many there are about."""


async def read(bootstrap: KafkaAddress, names: Iterable[str], progress: Progress) -> list[Letter]:
    """Every letter of the topics, oldest first."""
    redriven = await _redriven(bootstrap)
    letters = [letter for name in names for letter in await _read(bootstrap, name, redriven, progress)]
    return sorted(letters, key=lambda letter: (letter.message.timestamp or _UNDATED, letter.place))


async def _read(
    bootstrap: KafkaAddress, name: str, redriven: frozenset[Place], progress: Progress
) -> list[Letter]:
    letters: list[Letter] = []
    try:
        async with TopicReader(bootstrap, name) as reader:
            start, end = await reader.beginnings(), await reader.ends()
            total = sum(end.values()) - sum(start.values())
            async for message in reader.read(start, end):
                letters.append(Letter(message, message.source in redriven))
                progress(len(letters), total)
    except NoTopic:
        return []
    return letters


async def one(bootstrap: KafkaAddress, name: str, place: tuple[int, int]) -> Letter:
    """The letter at `place`; raises `Gone` where there is none (any more)."""
    partition, offset = place
    redriven = await _redriven(bootstrap)
    async with TopicReader(bootstrap, name) as reader:
        if partition in reader.partitions:
            async for message in reader.read({partition: offset}, await _until(reader, partition, offset)):
                return Letter(message, message.source in redriven)
    raise Gone(f"{name} has no letter at {partition}:{offset}; it never had, or it has expired")


async def _until(reader: TopicReader, partition: int, offset: int) -> dict[int, int]:
    ends = await reader.ends()
    return {partition: min(offset + 1, ends[partition])}


async def _redriven(bootstrap: KafkaAddress) -> frozenset[Place]:
    """The letters that were sent back, as the journal says."""
    try:
        async with TopicReader(bootstrap, topics.REDRIVEN) as reader:
            found = [redriving.place(entry) async for entry in reader.read()]
    except NoTopic:
        return frozenset()
    return frozenset(place for place in found if place)


async def prepare_journal(bootstrap: KafkaAddress, beside: Sequence[str]) -> None:
    """Make the journal's topic unless it is there, replicated as the letters are.

    Raises:
        ConfigurationError: it is there and not compacted: the broker would forget what was sent back.
    """
    async with TopicAdmin(bootstrap) as admin:
        replication = max((state.replication for state in await admin.topics(beside)), default=1)
        compacted = {"cleanup.policy": "compact"}
        if not await admin.partitions(topics.REDRIVEN):
            await admin.apply([Declared(topics.REDRIVEN, 1, replication, compacted)])
        for state in await admin.topics([topics.REDRIVEN]):
            if state.config is not None and not state.is_compacted:
                raise ConfigurationError(
                    f"{topics.REDRIVEN} is not compacted: it would forget what was sent back; "
                    "set its cleanup.policy to compact"
                )
