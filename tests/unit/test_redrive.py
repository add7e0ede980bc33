"""Letters go back once, in order, whoever interrupts it; what went back is remembered."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

import pytest

from model.clock import ManualClock
from operations import redrive_journal
from operations.dead_letters import Letter
from operations.redrive import Redrive
from operations.redrive_journal import TopicJournal
from schemas import topics
from schemas.errors import Malformed, Unavailable
from streams.adapters.kafka.producer import Outgoing
from streams.message import Message
from tests.unit.cli_builders import letter, message

FAST = 1e6


class Way:
    """The way back, and the journal: both keep what they are given."""

    def __init__(self, *, blocked: frozenset[int] = frozenset(), away_from: int | None = None) -> None:
        self.sent: list[int] = []
        self.noted: list[int] = []
        self.begun: list[int] = []
        self.opened = asyncio.Event()
        self.opened.set()
        self._blocked = blocked
        self._away_from = away_from

    async def redrive(self, *messages: Message) -> None:
        await self.opened.wait()
        for each in messages:
            if each.offset in self._blocked:
                raise Malformed("it was cut for its size")
            if self._away_from is not None and each.offset >= self._away_from:
                raise Unavailable("broker")
            self.sent.append(each.offset)

    async def begin(self, letters: Sequence[Letter]) -> None:
        assert not self.sent[len(self.begun) :], "sent before it was begun"
        self.begun += [each.place[2] for each in letters]

    async def note(self, letters: Sequence[Letter]) -> None:
        self.noted += [each.place[2] for each in letters]


def _letters(count: int) -> list[Letter]:
    return [letter(offset=offset) for offset in range(count)]


async def test_every_letter_goes_back_in_order_and_is_remembered() -> None:
    way = Way()
    ticks: list[int] = []
    assert await Redrive(way, way, rate=FAST).run(_letters(5), ticks.append) == ()
    assert way.sent == way.noted == [0, 1, 2, 3, 4]
    assert sum(ticks) == 5


async def test_the_letters_of_one_message_s_records_send_it_back_once() -> None:
    way = Way()
    siblings = [letter(offset=offset, origin=17) for offset in range(3)]
    assert await Redrive(way, way, rate=10).run(siblings, lambda _: None) == ()
    assert (way.sent, way.noted) == ([0], [0, 1, 2])


async def test_the_letters_of_one_message_without_a_way_back_all_stay() -> None:
    way = Way(blocked=frozenset({0}))
    siblings = [letter(offset=offset, origin=17) for offset in range(3)]
    assert len(await Redrive(way, way, rate=FAST).run(siblings, lambda _: None)) == 3
    assert (way.sent, way.noted) == ([], [])


async def test_one_without_a_way_back_stays_and_the_others_go() -> None:
    way = Way(blocked=frozenset({1}))
    (refused,) = await Redrive(way, way, rate=FAST).run(_letters(3), lambda _: None)
    assert (refused.letter.place[2], refused.why) == (1, "it was cut for its size")
    assert way.sent == way.noted == [0, 2]


async def test_interrupted_it_remembers_all_that_it_has_sent() -> None:
    way = Way()
    way.opened.clear()
    running = asyncio.create_task(Redrive(way, way, rate=20).run(_letters(100), lambda _: None))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    running.cancel()
    await asyncio.sleep(0)
    way.opened.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert way.sent == way.noted == [0, 1]  # a handful at 20 a second


async def test_a_broker_that_goes_away_ends_it_and_nothing_unsent_is_remembered() -> None:
    way = Way(away_from=4)
    with pytest.raises(Unavailable):
        await Redrive(way, way, rate=20).run(_letters(6), lambda _: None)
    assert way.sent == way.noted == [0, 1, 2, 3]


async def test_letters_go_no_faster_than_asked() -> None:
    way, clock = Way(), ManualClock()
    running = asyncio.create_task(Redrive(way, way, rate=20, clock=clock).run(_letters(6), lambda _: None))
    for sent in ([0, 1], [0, 1, 2, 3], [0, 1, 2, 3, 4, 5]):  # a handful at 20 a second is two
        await _settle()
        assert way.noted == sent
        clock.advance(0.05)
        await _settle()
        assert way.noted == sent
        clock.advance(0.06)
    assert await running == ()


async def _settle() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


class Sent:
    """An outbox that keeps what it sends."""

    def __init__(self) -> None:
        self.messages: list[Outgoing] = []

    async def send(self, messages: Sequence[Outgoing]) -> None:
        self.messages += messages


def entries(sent: Sent) -> list[Message]:
    return [Message(each.topic, 0, number, each.key, each.value) for number, each in enumerate(sent.messages)]


async def test_of_a_letter_that_was_begun_and_not_sent_the_ends_before_that_are_known() -> None:
    sent, first, second = Sent(), letter(offset=1), letter(offset=2)
    journal = TopicJournal(sent, {topics.UPLOADED: {0: 7, 1: 9}})
    await journal.begin([first, second])
    await journal.note([first])
    past = redrive_journal.past(entries(sent))
    assert past.sent == {first.place}
    assert past.begun == {second.place: {0: 7, 1: 9}}


async def test_a_journal_of_an_earlier_version_is_read() -> None:
    entry = Message(topics.REDRIVEN, 0, 0, b"photos.uploaded.v1.dlq/0/3", b'{"redriven_at": "2026-01-01"}')
    assert redrive_journal.past([entry]).sent == {(topics.DEAD_LETTERS, 0, 3)}


async def test_an_entry_of_the_journal_leads_back_to_its_letter() -> None:
    sent, told = Sent(), letter(offset=12)
    await TopicJournal(sent, {}).note([told])
    (entry,) = sent.messages
    assert entry.topic == topics.REDRIVEN
    assert entry.key == f"{topics.DEAD_LETTERS}/0/12".encode()
    assert json.loads(entry.value or b"")["to"] == topics.UPLOADED
    read = Message(entry.topic, 0, 0, entry.key, entry.value)
    assert redrive_journal.place(read) == told.place


@pytest.mark.parametrize("key", [None, b"", b"a/b", b"a/1/b", b"a/1/-2", b"\xff/1"])
def test_what_is_no_entry_is_passed_over(key: bytes | None) -> None:
    assert redrive_journal.place(Message(topics.REDRIVEN, 0, 0, key, b"{}")) is None


def test_a_letter_knows_its_place_by_its_own_topic() -> None:
    told = Letter(message(topics.PARKING, b"{}", offset=3))
    assert told.place == (topics.PARKING, 0, 3)
