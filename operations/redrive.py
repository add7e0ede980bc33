"""Redrives dead letters: sends them back to where they came from, at a rate, each once.

What is sent back is remembered on a compacted topic of its own, `photos.redriven.v1`, before and after
(`operations.redrive_journal`). Redrive twice, or from two terminals one after the other, and the second
finds nothing left to do. Killed in between, the next run looks on the topic itself which of the letters of
that moment have arrived, and sends the others. The letters themselves stay where they are until their
topic's retention ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol, TypeVar

from agents.wiring.backends import kafka_connection, kafka_settings
from agents.wiring.settings import Settings
from operations import letter_reader, redrive_journal
from operations.dead_letters import Letter, LetterSelection
from operations.letter_reader import ReadProgress
from operations.redrive_journal import Journal, TopicJournal
from schemas import topics
from schemas.errors import Malformed
from schemas.wire.headers import Origin
from streams.adapters.kafka.connection import KafkaAddress
from streams.adapters.kafka.producer import RestartingProducer
from streams.adapters.kafka.publisher import RedrivePublisher, way_back
from streams.clock import Clock, SystemClock
from streams.message import Message

T = TypeVar("T")

_BEATS: Final = 10
"""Handfuls a second: at a high rate several letters go out together, and share an acknowledgement."""


class LetterPublisher(Protocol):
    """Sends a letter's message back to its origin."""

    async def redrive(self, *messages: Message) -> None:
        """Return when it is acknowledged; raises `Malformed` where there is no way back."""


@dataclass(frozen=True, slots=True)
class RefusedLetter:
    """A letter with no way back, and why."""

    letter: Letter
    why: str


Tick = Callable[[int], None]
"""Told how many letters more are done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RedriveRequest:
    """Which letters are to be sent back, and how."""

    selection: LetterSelection
    parking: bool = False
    """Those of the parking topic."""
    again: bool = False
    """Also those that were sent back before."""
    rate: float = 50.0
    """Letters a second."""

    @property
    def topic(self) -> str:
        """Where the letters are."""
        return topics.PARKING if self.parking else topics.DEAD_LETTERS


@dataclass(frozen=True, slots=True)
class RedriveResult:
    """The selected letters, and what became of them."""

    chosen: tuple[Letter, ...]
    earlier: int
    """Selected too, and sent back before."""
    refused: tuple[RefusedLetter, ...] = ()
    """Selected too, and without a way back."""
    redriven: int | None = None
    """How many were sent back; None where nothing was tried."""


async def choose(settings: Settings, request: RedriveRequest, progress: ReadProgress) -> RedriveResult:
    """The letters that `request` selects, less those that were sent back before. Sends nothing."""
    found = await letter_reader.read(kafka_connection(settings), [request.topic], progress)
    selected = [letter for letter in found if request.selection.holds(letter)]
    letters = [letter for letter in selected if request.again or not letter.is_redriven]
    refused = tuple(RefusedLetter(letter, why) for letter in letters if (why := _hindrance(letter)))
    stuck = {each.letter.place for each in refused}
    chosen = tuple(letter for letter in letters if letter.place not in stuck)
    return RedriveResult(chosen, len(selected) - len(letters), refused)


def _hindrance(letter: Letter) -> str | None:
    """Why the letter has no way back; None where it has one, as far as that is known before it is sent."""
    try:
        way_back(letter.message)
    except Malformed as error:
        return str(error)
    return None


async def send(
    settings: Settings, request: RedriveRequest, selected: RedriveResult, tick: Tick
) -> RedriveResult:
    """Send them back. Broken off, run both again: what was sent is not chosen any more."""
    kafka = kafka_settings(settings)
    await redrive_journal.prepare(kafka.bootstrap, [request.topic])
    ends = await redrive_journal.ends_of(kafka.bootstrap, (each.origin[0] for each in selected.chosen))
    there = await _arrived(kafka.bootstrap, selected.chosen)
    done = {letter.place for letter in there}
    left = [letter for letter in selected.chosen if letter.place not in done]
    async with AsyncExitStack() as stack:
        publisher = await stack.enter_async_context(RedrivePublisher(kafka))
        journal = TopicJournal(await stack.enter_async_context(RestartingProducer(kafka)), ends)
        await journal.note(there)
        tick(len(there))
        refused = await Redrive(publisher, journal, rate=request.rate).run(left, tick)
    return replace(
        selected,
        earlier=selected.earlier + len(there),
        refused=selected.refused + refused,
        redriven=len(left) - len(refused),
    )


async def _arrived(brokers: KafkaAddress, letters: Sequence[Letter]) -> list[Letter]:
    """Of letters that a process had begun when it was killed, those whose messages it did send."""
    begun: dict[str, list[Mapping[int, int]]] = {}
    for letter in letters:
        if letter.begun is not None:
            begun.setdefault(letter.origin[0], []).append(letter.begun)
    found = [await redrive_journal.arrived(brokers, name, since) for name, since in begun.items()]
    places = frozenset().union(*found)
    ways = {_way(letter) for letter in letters if letter.begun is not None and letter.place in places}
    return [letter for letter in letters if letter.begun is not None and _way(letter) in ways]


class Redrive:
    """Sends letters back at `rate` a second."""

    def __init__(
        self, publisher: LetterPublisher, journal: Journal, *, rate: float, clock: Clock | None = None
    ) -> None:
        self._publisher = publisher
        self._journal = journal
        self._rate = rate
        self._ways: dict[_Way, asyncio.Future[str | None]] = {}
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
        await self._journal.begin(letters)
        outcomes = await asyncio.gather(*map(self._one, letters))
        refused = [outcome for outcome in outcomes if outcome]
        stayed = {each.letter.place for each in refused}
        await self._journal.note([letter for letter in letters if letter.place not in stayed])
        return refused

    async def _one(self, letter: Letter) -> RefusedLetter | None:
        way = _way(letter)
        if way not in self._ways:
            self._ways[way] = asyncio.ensure_future(self._back(letter))
        why = await self._ways[way]
        return RefusedLetter(letter, why) if why else None

    async def _back(self, letter: Letter) -> str | None:
        """Send the letter's message; why it cannot be sent."""
        try:
            await self._publisher.redrive(letter.message)
        except Malformed as error:
            return str(error)
        return None


_Way = tuple[Origin, bytes | None]


def _way(letter: Letter) -> _Way:
    """The same record buried twice, or a whole message once for each record (earlier versions), goes once."""
    return letter.origin, letter.message.value


async def _unbroken(work: Coroutine[Any, Any, T]) -> T:
    """What `work` returns; cancelled meanwhile, it is finished first: what was sent must be remembered."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise
