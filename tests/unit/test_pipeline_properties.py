"""Uploads, duplicates, redeliveries and deaths in any sequence end like each event handled once, in order."""

from __future__ import annotations

import random
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import topics
from schemas.events import CollectionChanged, ModerationRequested
from schemas.records import ImageHead, State
from schemas.uploads import ImageUploaded, Location
from streams.message import Message

from .straight_path import BOUNDARIES, HALFWAY, Crash, World, message_of, s3_message, upload_of

KEYS = ("r1/a.jpg", "r2/b.jpg")
SEEN = ("menu=0.9", "menu=0.6 food=0.9", "ambiance=0.9", "human=0.8 ambiance=0.75", "food=0.5", "broken", "")


@dataclass(frozen=True)
class Event:
    """One event: its minute names it, so that two events of an image never share a time."""

    key: str
    minute: int
    seen: str

    @property
    def upload(self) -> ImageUploaded:
        restaurant = None if self.key == KEYS[1] else "r1"
        return upload_of(self.key, minute=self.minute, restaurant=restaurant)


@dataclass(frozen=True)
class Death:
    """After `handled` messages the worker dies at `boundary`; the next begins `rewind` messages earlier."""

    handled: int
    boundary: tuple[str, str]
    rewind: int


@st.composite
def logs(draw: st.DrawFn) -> list[Event]:
    """A partition: events out of order, some of them published twice."""
    minutes = draw(st.lists(st.integers(0, 20), unique=True, min_size=1, max_size=5))
    events = [Event(draw(st.sampled_from(KEYS)), minute, draw(st.sampled_from(SEEN))) for minute in minutes]
    again = draw(st.lists(st.tuples(st.sampled_from(events), st.integers(0, 10)), max_size=3))
    for event, place in again:
        events.insert(place, event)
    return events


DEATHS = st.lists(
    st.builds(
        Death,
        handled=st.integers(0, 6),
        boundary=st.sampled_from((*BOUNDARIES, HALFWAY)),
        rewind=st.integers(0, 4),
    ),
    max_size=4,
)


@settings(max_examples=150, deadline=None)
@given(log=logs(), deaths=DEATHS)
async def test_whatever_comes_twice_and_whoever_dies_the_end_is_that_of_a_calm_run(
    log: list[Event], deaths: list[Death]
) -> None:
    messages = [message_of(event.upload, offset=offset) for offset, event in enumerate(log)]
    first_deliveries = [messages[offset] for offset, event in enumerate(log) if event not in log[:offset]]
    faulted, calm = await _world(log), await _world(log)
    await calm.deliver(*first_deliveries)
    await _deliver_and_die(faulted, messages, deaths)
    assert await faulted.scores.scan() == await calm.scores.scan()
    assert await _scores_of(faulted) == await _scores_of(calm)
    assert faulted.event_ids == calm.event_ids
    assert await faulted.scores.statements(limit=100) == await calm.scores.statements(limit=100)
    assert faulted.refused == calm.refused


@settings(max_examples=60, deadline=None)
@given(log=logs())
async def test_consumers_that_follow_the_changes_hold_what_the_head_holds(log: list[Event]) -> None:
    world = await _world(log)
    await world.deliver(*(message_of(event.upload, offset=offset) for offset, event in enumerate(log)))
    for head in await world.scores.scan():
        assert _followed(world, head.image_id) == _routes(head)


async def _world(log: list[Event]) -> World:
    world = World()
    for event in log:
        await world.put(event.upload, event.seen)
    return world


async def _deliver_and_die(world: World, messages: list[Message], deaths: list[Death]) -> None:
    """Read the log through every death, and at last to its end."""
    place = 0
    for death in deaths:
        place = await _live(world, messages, death, begin=place)
    world.faults.boundary = None
    await world.deliver(*messages[place:])


async def _live(world: World, messages: list[Message], death: Death, *, begin: int) -> int:
    """One worker's life; where the next one begins to read."""
    world.faults.boundary = None
    desk = world.desk()
    for place in range(begin, len(messages)):
        if place - begin == death.handled:
            world.faults.boundary = death.boundary
        try:
            await desk.handle(messages[place]).work()
        except Crash:
            return max(0, place - death.rewind)
    return max(0, len(messages) - death.rewind)


async def _scores_of(world: World) -> list[object]:
    """The history without what only a clock says."""
    heads = await world.scores.scan()
    return [
        (record.image_id, record.content_version, record.scores, record.position)
        for head in heads
        for record in await world.scores.records(head.image_id)
    ]


def _routes(head: ImageHead) -> set[tuple[str, str]]:
    routes = {(route.topic, route.label) for route in head.verdict.routes} if head.verdict else set()
    return {route for route in routes if head.restaurant_id or route[1] != "ambiance"}


def _followed(world: World, image_id: str) -> set[tuple[str, str]]:
    held: set[tuple[str, str]] = set()
    for said in world.tags.announced:
        if (
            not isinstance(said.event, ModerationRequested | CollectionChanged)
            or said.event.image_id != image_id
        ):
            continue
        place = (said.topic, said.event.label)
        held = held | {place} if said.event.action == "added" else held - {place}
    return held


@dataclass(frozen=True)
class Word:
    """What a voice says of the one image in that minute."""

    voice: str
    minute: int
    seen: str | None
    """None where the image is removed."""

    def message(self, offset: int) -> Message:
        if self.voice == "producer":
            return message_of(upload_of(minute=self.minute), offset=offset)
        event = "ObjectCreated:Put" if self.seen else "ObjectRemoved:DeleteMarkerCreated"
        return s3_message(
            event, "r1/a.jpg", minute=self.minute, sequencer=f"{self.minute + 16:X}", offset=offset
        )


@st.composite
def words(draw: st.DrawFn) -> list[Word]:
    """Of both voices, each in a minute of its own; producers remove nothing."""
    said = []
    for minute in draw(st.lists(st.integers(0, 40), unique=True, min_size=3, max_size=7)):
        voice = draw(st.sampled_from(["producer", "storage", "storage"]))
        seen = draw(st.sampled_from(CLEAR if voice == "producer" else (*CLEAR, None)))
        said.append(Word(voice, minute, seen))
    return said


CLEAR = ("menu=0.9", "ambiance=0.9", "human=0.9 food=0.9", "food=0.9")
"""Far from every threshold: what holds on by its hysteresis depends on what was said before, rightly."""


@settings(max_examples=150, deadline=None)
@given(said=words(), shuffled=st.randoms(use_true_random=False))
async def test_in_whatever_order_two_voices_are_heard_the_end_is_the_same(
    said: list[Word], shuffled: random.Random
) -> None:
    messages = [word.message(offset) for offset, word in enumerate(said)]
    heard = [*messages, *shuffled.sample(messages, 2)]
    shuffled.shuffle(heard)
    ordered, unordered = await _spoken(said), await _spoken(said)
    await ordered.deliver(*messages)
    await unordered.deliver(*heard)
    (one,), (other,) = await ordered.scores.scan(), await unordered.scores.scan()
    assert (one.claims, one.position, one.state, one.verdict) == (
        other.claims,
        other.position,
        other.state,
        other.verdict,
    )
    for world, head in ((ordered, one), (unordered, other)):
        assert _followed(world, head.image_id) == _routes(head)
        latest = world.tags.on(topics.LATEST)[-1].event
        assert (latest is None) == (head.state is State.DELETED)


async def _spoken(said: list[Word]) -> World:
    """Every content under a version of its own; what stands at the key is what storage put last."""
    world = World()
    for word in sorted(said, key=lambda word: word.minute):
        if word.seen and word.voice == "producer":
            await world.put(upload_of(minute=word.minute), word.seen)
    await world.images.put(Location(bucket="photos", key="r1/a.jpg"), b"ambiance=0.9")
    return world
