"""The straight path after an erasure: redeliveries, replays and deaths bring nothing back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operations.eraser import ErasedImage, Eraser, ErasureOutcome
from schemas import topics
from schemas.events import Announcement, CollectionChanged, ModerationRequested
from schemas.records import State
from schemas.statements import StatementKind, StatementOfReasons
from schemas.uploads import ImageUploaded, Location
from streams.adapters.memory import MemoryTags
from streams.message import Message
from streams.ports import Fetched, Purged
from tests.contract.builders import statement

from .straight_path import (
    BOUNDARIES,
    EPOCH,
    HALFWAY,
    Crash,
    Faults,
    FaultyImages,
    World,
    decision_message,
    message_of,
    rescore_message,
    s3_message,
    upload_of,
)

UPLOAD = upload_of(minute=1)
LATER = EPOCH + timedelta(minutes=30)


async def erase(world: World, upload: ImageUploaded = UPLOAD, *, minute: int = 30) -> ErasedImage:
    eraser = Eraser(world.scores, world.tags, now=lambda: EPOCH + timedelta(minutes=minute))
    return await eraser.erase(upload.image_id)


def last_of(tags: MemoryTags, topic: str, key: str) -> Announcement:
    return [each for each in tags.on(topic) if each.key == key][-1]


async def everything_is_gone(world: World, upload: ImageUploaded = UPLOAD) -> None:
    """The head is a tombstone that is announced, no score is left, and consumers were told of all."""
    head = await world.head_of(upload)
    assert head.is_erased
    assert head.is_announced
    assert await world.scores.records(upload.image_id) == ()
    assert upload.location.key not in head.model_dump_json()
    assert last_of(world.tags, topics.LATEST, upload.image_id).event is None
    standing: dict[tuple[str, str, str], tuple[int, str]] = {}
    for each in world.tags.announced:
        if isinstance(each.event, ModerationRequested | CollectionChanged):
            place = (each.topic, each.event.label, each.key)
            if each.event.revision >= standing.get(place, (0, ""))[0]:
                standing[place] = (each.event.revision, str(each.event.action))
    assert {action for _, action in standing.values()} <= {"removed"}


async def test_an_erased_image_is_withdrawn_everywhere_and_its_history_is_gone() -> None:
    world = World()
    await world.tag(UPLOAD, "ambiance=0.9")
    done = await erase(world)
    assert (done.outcome, done.was_known, done.purged) == (ErasureOutcome.ERASED, True, Purged(scores=1))
    assert done.events == {topics.AMBIANCE: 1, topics.LATEST: 1}
    await everything_is_gone(world)


async def test_a_second_erasure_changes_nothing_and_says_so() -> None:
    world = World()
    await world.tag(UPLOAD, "menu=0.9")
    first = await erase(world)
    head, said = await world.head_of(UPLOAD), len(world.tags.announced)
    again = await erase(world, minute=40)
    assert (again.outcome, again.erased_at, again.purged) == (
        ErasureOutcome.ALREADY,
        first.erased_at,
        Purged(),
    )
    assert (await world.head_of(UPLOAD), len(world.tags.announced)) == (head, said)


@pytest.mark.parametrize(
    "boundary", [("mark", "before"), ("announce", "before"), HALFWAY, ("announce", "after")]
)
async def test_an_erasure_that_was_killed_is_finished_by_the_next(boundary: tuple[str, str]) -> None:
    world = World()
    await world.tag(UPLOAD, "menu=0.9")
    world.faults.boundary = boundary
    with pytest.raises(Crash):
        await erase(world)
    done = await erase(world)
    assert done.outcome in {ErasureOutcome.ERASED, ErasureOutcome.FINISHED}
    await everything_is_gone(world)


@pytest.mark.parametrize("boundary", [("announce", "before"), ("mark", "before"), None])
async def test_a_hide_that_was_stated_stays_stated_and_names_neither_restaurant_nor_bytes(
    boundary: tuple[str, str] | None,
) -> None:
    world = World(Faults(boundary))
    try:
        await world.tag(UPLOAD, "menu=0.9")
    except Crash:
        assert (await world.head_of(UPLOAD)).statements
    await erase(world)
    (kept,) = await world.scores.statements_of(UPLOAD.image_id)
    assert (kept.kind, kept.restaurant_id, kept.content_digest) == (StatementKind.HIDE, None, None)
    told = [each.event for each in world.tags.on(topics.STATEMENTS)]
    assert isinstance(told[-1], StatementOfReasons)
    assert told[-1].puid == kept.puid
    if boundary == ("announce", "before"):
        assert told == [kept]
    await everything_is_gone(world)


def test_a_statement_without_names_has_none_in_the_operators_own_words_either() -> None:
    named = statement(1, puid="p").model_copy(
        update={"restaurant_id": "r-77", "content_digest": "ab", "decision_facts": "menu 0.9 of r-77"}
    )
    bare = named.without_names()
    assert (bare.restaurant_id, bare.content_digest) == (None, None)
    assert bare.decision_facts == "menu 0.9 of (erased)"
    assert statement(1, puid="p").without_names() == statement(1, puid="p")


async def test_a_worker_finishes_an_erasure_that_was_killed_when_the_upload_comes_again() -> None:
    world = World()
    await world.tag(UPLOAD, "menu=0.9")
    world.faults.boundary = ("announce", "before")
    with pytest.raises(Crash):
        await erase(world)
    await world.deliver(message_of(UPLOAD))
    assert world.counted("erased") == 1
    await everything_is_gone(world)


async def test_nothing_that_was_said_before_brings_the_image_back_or_fetches_it() -> None:
    world = World()
    await world.tag(UPLOAD, "menu=0.9")
    await erase(world)
    fetched = len(world.images.fetched)
    await world.deliver(
        message_of(UPLOAD),
        replace(message_of(UPLOAD), topic=topics.RETRY),
        s3_message("ObjectCreated:Put", UPLOAD.location.key, minute=2, sequencer="0A"),
        rescore_message(UPLOAD, version="1"),
        decision_message(UPLOAD.image_id, "approve", minute=20),
        decision_message(UPLOAD.image_id, "reject", minute=50),
        s3_message("ObjectRemoved:Delete", UPLOAD.location.key, minute=40, sequencer="0C"),
        s3_message("ObjectCreated:Put", UPLOAD.location.key, minute=39, sequencer="0B"),
    )
    assert len(world.images.fetched) == fetched
    assert world.refused == set()
    assert world.counted("erased") == 5
    await everything_is_gone(world)


async def test_a_photograph_that_is_uploaded_later_is_tagged_without_anything_of_the_old_one() -> None:
    world = World()
    await world.tag(UPLOAD, "menu=0.9")
    await erase(world)
    new = upload_of(minute=35)
    await world.tag(new, "ambiance=0.9", offset=9)
    await world.deliver(
        message_of(UPLOAD), s3_message("ObjectCreated:Put", "r1/a.jpg", minute=2, sequencer="1")
    )
    head = await world.head_of(new)
    assert (head.state, head.location, head.claims.storage) == (State.VISIBLE, new.location, None)
    assert [each.position for each in await world.scores.records(new.image_id)] == [head.position]


class ErasingImages(FaultyImages):
    """While the image is fetched somebody erases it."""

    def __init__(self, world: World) -> None:
        super().__init__(world.faults)
        self._world = world

    async def fetch(self, location: Location) -> Fetched:
        await erase(self._world)
        return await super().fetch(location)


async def test_a_worker_that_scores_the_image_while_it_is_erased_loses() -> None:
    world = World()
    world.images = ErasingImages(world)
    await world.tag(UPLOAD, "menu=0.9")
    assert world.counted("tagged") == 0
    assert world.said == []
    await everything_is_gone(world)


class ErasingTags(MemoryTags):
    """Between the store's write and the first event that says it somebody erases the image."""

    def __init__(self, world: World, *, then: tuple[str, str] | None = None) -> None:
        super().__init__()
        self._world: World | None = world
        self._then = then

    async def announce(self, announcements: Sequence[Announcement]) -> None:
        world, self._world = self._world, None
        if world:
            await erase(world)
            world.faults.boundary = self._then
        await super().announce(announcements)


async def test_a_worker_that_announces_behind_the_erasure_takes_it_back() -> None:
    world = World()
    world.tags = ErasingTags(world)
    await world.tag(UPLOAD, "menu=0.9")
    assert world.said[-1] == (topics.MODERATION, "menu", "removed")
    await everything_is_gone(world)


async def test_the_tags_of_a_worker_that_died_behind_the_erasure_do_not_stay() -> None:
    world = World()
    world.tags = ErasingTags(world, then=("mark", "before"))
    with pytest.raises(Crash):
        await world.tag(UPLOAD, "menu=0.9")
    assert last_of(world.tags, topics.LATEST, UPLOAD.image_id).event is not None
    await world.deliver(message_of(UPLOAD))
    await everything_is_gone(world)


def messages(upload: ImageUploaded) -> list[Message]:
    return [
        message_of(upload, offset=1),
        s3_message("ObjectCreated:Put", upload.location.key, minute=2, sequencer="0A", offset=2),
        decision_message(upload.image_id, "approve", minute=3),
        s3_message("ObjectRemoved:Delete", upload.location.key, minute=4, sequencer="0B", offset=3),
        rescore_message(upload, version="1", offset=1),
        message_of(upload_of(minute=6), offset=4),
    ]


STEPS = st.lists(
    st.tuples(st.integers(0, 5), st.none() | st.sampled_from((*BOUNDARIES, HALFWAY))), max_size=6
)


@settings(max_examples=80, deadline=None)
@given(before=STEPS, death=st.none() | st.sampled_from((*BOUNDARIES, HALFWAY)), after=STEPS)
async def test_whoever_dies_before_in_and_after_an_erasure_the_end_is_the_same(
    before: list[tuple[int, tuple[str, str] | None]],
    death: tuple[str, str] | None,
    after: list[tuple[int, tuple[str, str] | None]],
) -> None:
    world = World()
    await world.put(UPLOAD, "menu=0.9 human=0.8")
    await world.put(upload_of(minute=6), "ambiance=0.9")
    log = messages(UPLOAD)
    for number, boundary in before:
        await _deliver(world, log[number], boundary)
    world.faults.boundary = death
    try:
        await erase(world)
    except Crash:
        world.faults.boundary = None
    world.faults.boundary = None
    for number, boundary in after:
        await _deliver(world, log[number], boundary)
    await erase(world)
    for number, _ in before:  # what a worker died of comes again
        await _deliver(world, log[number], None)
    await everything_is_gone(world)


async def _deliver(world: World, message: Message, boundary: tuple[str, str] | None) -> None:
    world.faults.boundary = boundary
    try:
        await world.deliver(message)
    except Crash:
        world.faults.boundary = None
        await world.deliver(message)
    world.faults.boundary = None
