"""The journal of redrives: which letters were sent back, on the compacted topic `photos.redriven.v1`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Protocol

from operations import current_user
from operations.dead_letters import Letter, Place
from schemas import topics
from schemas.errors import ConfigurationError
from streams.adapters.kafka.admin import TopicAdmin
from streams.adapters.kafka.connection import KafkaAddress
from streams.adapters.kafka.producer import Outgoing
from streams.adapters.kafka.reader import NoTopic, TopicReader
from streams.adapters.kafka.topic_state import Declared
from streams.message import Message


class Journal(Protocol):
    """Remembers what was sent back."""

    async def note(self, letters: Sequence[Letter]) -> None:
        """Remember them; return when that is acknowledged."""


class Sender(Protocol):
    """An outbox."""

    async def send(self, messages: Sequence[Outgoing]) -> None:
        """Return when all are acknowledged."""


class TopicJournal:
    """The journal on `photos.redriven.v1`."""

    def __init__(self, outbox: Sender) -> None:
        self._outbox = outbox

    async def note(self, letters: Sequence[Letter]) -> None:
        """See `Journal.note`."""
        await self._outbox.send([_entry(letter) for letter in letters])


def _entry(letter: Letter) -> Outgoing:
    topic, partition, offset = letter.place
    entry = {
        "redriven_at": datetime.now(UTC).isoformat(),
        "by": current_user.current_user(),
        "to": letter.origin[0],
    }
    return Outgoing(topics.REDRIVEN, f"{topic}/{partition}/{offset}".encode(), json.dumps(entry).encode())


def place(entry: Message) -> Place | None:
    """The letter that an entry of the journal speaks of; None for what is no entry."""
    topic, *numbers = (entry.key or b"").decode(errors="replace").rsplit("/", 2)
    if len(numbers) != 2 or not all(each.isascii() and each.isdigit() for each in numbers):  # noqa: PLR2004 - as written
        return None
    return topic, int(numbers[0]), int(numbers[1])


async def redriven_places(bootstrap: KafkaAddress) -> frozenset[Place]:
    """The letters that were sent back, as the journal says."""
    try:
        async with TopicReader(bootstrap, topics.REDRIVEN) as reader:
            found = [place(entry) async for entry in reader.read()]
    except NoTopic:
        return frozenset()
    return frozenset(place for place in found if place)


async def prepare(bootstrap: KafkaAddress, beside: Sequence[str]) -> None:
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
