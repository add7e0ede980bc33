"""The journal of redrives: which letters were sent back, on the compacted topic `photos.redriven.v1`.

A write-ahead log: a letter is noted as begun, with the ends of the topic that it goes to, before it is
sent, and as sent when that is acknowledged. Of one that was begun by a process which was killed, the
topic itself says from there on whether it was sent: the message names its letter in a header.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from operations import current_user
from operations.dead_letters import Letter, Place
from schemas import topics
from schemas.errors import ConfigurationError
from schemas.wire import headers
from streams.adapters.kafka.admin import TopicAdmin
from streams.adapters.kafka.connection import KafkaAddress
from streams.adapters.kafka.producer import Outgoing
from streams.adapters.kafka.reader import NoTopic, Offsets, TopicReader
from streams.adapters.kafka.topic_state import Declared
from streams.message import Message

_BEGUN: Final = "begun"


class Journal(Protocol):
    """Remembers what is sent back."""

    async def begin(self, letters: Sequence[Letter]) -> None:
        """Remember that they are about to be sent; return when that is acknowledged."""

    async def note(self, letters: Sequence[Letter]) -> None:
        """Remember that they were; return when that is acknowledged."""


class Sender(Protocol):
    """An outbox."""

    async def send(self, messages: Sequence[Outgoing]) -> None:
        """Return when all are acknowledged."""


class TopicJournal:
    """The journal on `photos.redriven.v1`; `ends` are those of the letters' origins when this run began."""

    def __init__(self, outbox: Sender, ends: Mapping[str, Offsets]) -> None:
        self._outbox = outbox
        self._ends = ends

    async def begin(self, letters: Sequence[Letter]) -> None:
        """See `Journal.begin`."""
        begun = [
            _entry(each, state=_BEGUN, ends=_named(self._ends.get(each.origin[0], {}))) for each in letters
        ]
        await self._outbox.send(begun)

    async def note(self, letters: Sequence[Letter]) -> None:
        """See `Journal.note`."""
        await self._outbox.send([_entry(each, redriven_at=datetime.now(UTC).isoformat()) for each in letters])


def _named(ends: Offsets) -> dict[str, int]:
    return {str(number): end for number, end in ends.items()}


def _entry(letter: Letter, **facts: object) -> Outgoing:
    entry = {**facts, "by": current_user.current_user(), "to": letter.origin[0]}
    return Outgoing(topics.REDRIVEN, headers.spelled(letter.place), json.dumps(entry).encode())


@dataclass(frozen=True, slots=True)
class Past:
    """What the journal says of redrives before this one."""

    sent: frozenset[Place] = frozenset()
    begun: Mapping[Place, Offsets] = field(default_factory=dict)
    """Letters that were sent or not, and the ends of their origin's topic before that."""


def past(entries: Iterable[Message]) -> Past:
    """What the entries say, of each letter the last one."""
    last = {where: _document(entry) for entry in entries if (where := place(entry))}
    begun = {where: said for where, said in last.items() if said.get("state") == _BEGUN}
    ends = {where: _offsets(said.get("ends")) for where, said in begun.items()}
    return Past(frozenset(last.keys() - begun.keys()), ends)


def place(entry: Message) -> Place | None:
    """The letter that an entry of the journal speaks of; None for what is no entry."""
    return headers.place(entry.key or b"")


def _document(entry: Message) -> Mapping[str, Any]:
    try:
        said = json.loads(entry.value or b"{}")
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _offsets(said: object) -> Offsets:
    return {int(number): int(end) for number, end in said.items()} if isinstance(said, dict) else {}


async def read(bootstrap: KafkaAddress) -> Past:
    """What the journal on the topic says."""
    try:
        async with TopicReader(bootstrap, topics.REDRIVEN) as reader:
            return past([entry async for entry in reader.read()])
    except NoTopic:
        return Past()


async def arrived(bootstrap: KafkaAddress, topic: str, since: Iterable[Offsets]) -> frozenset[Place]:
    """The letters whose messages are on `topic`, from the earliest of the offsets on."""
    async with TopicReader(bootstrap, topic) as reader:
        starts = list(since)
        begin = {n: min(ends.get(n, 0) for ends in starts) for n in reader.partitions}
        found = [headers.redriven_letter(message.headers) async for message in reader.read(begin)]
    return frozenset(where for where in found if where)


async def ends_of(bootstrap: KafkaAddress, names: Iterable[str]) -> dict[str, Offsets]:
    """The ends of the topics now; of those that are not there, none."""
    found: dict[str, Offsets] = {}
    for name in sorted(set(names)):
        try:
            async with TopicReader(bootstrap, name) as reader:
                found[name] = await reader.ends()
        except NoTopic:
            continue
    return found


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
