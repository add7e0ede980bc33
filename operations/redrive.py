"""Letters back to where they came from, at a rate, each once, whoever interrupts it.

What was sent back is remembered on a compacted topic of its own, `photos.redriven.v1`: a key a letter
(its topic, partition and offset), written *after* the letter itself is acknowledged. Redrive twice, or
from two terminals one after the other, and the second finds nothing left to do. Killed between the two
writes, the few letters of that moment go out once more: the workers know their events again by id and
do nothing twice. The letters themselves stay where they are until their topic's retention ends.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol, TypeVar

from operations import current_user
from operations.dead_letters import Letter, Place
from schemas import topics
from schemas.errors import ConfigurationError, Gone, Malformed
from schemas.wire.headers import Origin
from streams.adapters.kafka.admin import TopicAdmin
from streams.adapters.kafka.connection import KafkaAddress
from streams.adapters.kafka.producer import Outgoing
from streams.adapters.kafka.reader import NoTopic, TopicReader
from streams.adapters.kafka.topic_state import Declared
from streams.clock import Clock, SystemClock
from streams.message import Message

T = TypeVar("T")

_BEATS: Final = 10
"""Handfuls a second: at a high rate several letters go out together, and share an acknowledgement."""


class LetterPublisher(Protocol):
    """Sends a letter's message back to its origin."""

    async def redrive(self, *messages: Message) -> None:
        """Return when it is acknowledged; raises `Malformed` where there is no way back."""


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
    said = {
        "redriven_at": datetime.now(UTC).isoformat(),
        "by": current_user.current_user(),
        "to": letter.origin[0],
    }
    return Outgoing(topics.REDRIVEN, f"{topic}/{partition}/{offset}".encode(), json.dumps(said).encode())


def place(entry: Message) -> Place | None:
    """The letter that an entry of the journal speaks of; None for what is no entry."""
    topic, *numbers = (entry.key or b"").decode(errors="replace").rsplit("/", 2)
    if len(numbers) != 2 or not all(each.isascii() and each.isdigit() for each in numbers):  # noqa: PLR2004 - as written
        return None
    return topic, int(numbers[0]), int(numbers[1])


@dataclass(frozen=True, slots=True)
class RefusedLetter:
    """A letter with no way back, and why."""

    letter: Letter
    why: str


Tick = Callable[[int], None]
"""Told how many letters more are done."""


class Redrive:
    """Sends letters back at `rate` a second."""

    def __init__(
        self, publisher: LetterPublisher, journal: Journal, *, rate: float, clock: Clock | None = None
    ) -> None:
        self._publisher = publisher
        self._journal = journal
        self._rate = rate
        self._ways: dict[Origin, asyncio.Future[str | None]] = {}
        self._clock = clock or SystemClock()

    async def run(self, letters: Sequence[Letter], tick: Tick) -> tuple[RefusedLetter, ...]:
        """Send all of them, in order; those that have no way back. Interrupted, it ends behind a handful."""
        refused: list[RefusedLetter] = []
        handful = max(1, round(self._rate / _BEATS))
        due = self._clock.time()
        for start in range(0, len(letters), handful):
            await self._clock.sleep(due - self._clock.time())
            # A broker that was slow for a while is not rushed afterwards by more than a second's letters.
            due = max(due, self._clock.time() - 1) + handful / self._rate
            refused += await _unbroken(self._send(letters[start : start + handful]))
            tick(len(letters[start : start + handful]))
        return tuple(refused)

    async def _send(self, letters: Sequence[Letter]) -> list[RefusedLetter]:
        """Send a handful and remember it; those of it that have no way back."""
        outcomes = await asyncio.gather(*map(self._one, letters))
        refused = [outcome for outcome in outcomes if outcome]
        stayed = {each.letter.place for each in refused}
        await self._journal.note([letter for letter in letters if letter.place not in stayed])
        return refused

    async def _one(self, letter: Letter) -> RefusedLetter | None:
        # Letters of several records of one message are one way back: it goes once, and whole.
        if letter.origin not in self._ways:
            self._ways[letter.origin] = asyncio.ensure_future(self._back(letter))
        why = await self._ways[letter.origin]
        return RefusedLetter(letter, why) if why else None

    async def _back(self, letter: Letter) -> str | None:
        """Send the letter's message; why it cannot be sent."""
        try:
            await self._publisher.redrive(letter.message)
        except Malformed as error:
            return str(error)
        return None


async def _unbroken(work: Coroutine[Any, Any, T]) -> T:
    """What `work` returns; cancelled meanwhile, it is finished first: what was sent must be remembered."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise


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
            found = [place(entry) async for entry in reader.read()]
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
