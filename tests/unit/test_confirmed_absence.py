"""A clock that is ahead pins no image: storage is asked, and what is not there is removed."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import topics, wire
from schemas.claims import Claim, Claims
from schemas.identity import image_id
from schemas.records import ImageHead, Kept, Stale, State
from schemas.uploads import ImageRemoved, Location
from streams.adapters.memory import AwayImages, MemoryScores
from streams.message import Message
from streams.ports import Change

from .head_builders import after, changes, claim, outcome, scored, scoring
from .straight_path import (
    BOUNDARIES,
    EPOCH,
    HALFWAY,
    LIMITS,
    Crash,
    Faults,
    SpokenTagger,
    World,
    message_of,
    raw_message,
    rescore_message,
    s3_message,
    upload_of,
)

KEY = "r1/a.jpg"
PLACE = Location(bucket="photos", key=KEY)
IMAGE = image_id("photos", KEY)
CREATED, REMOVED = "ObjectCreated:Put", "ObjectRemoved:Delete"
AHEAD = 9
"""Minutes that the producer's clock is ahead."""


def put_by_producer(minute: int = AHEAD, *, offset: int = 0) -> Message:
    upload = upload_of(KEY, minute=minute).model_copy(update={"location": PLACE})
    return message_of(upload, offset=offset)


def removal(minute: int = 2, *, offset: int = 1, sequencer: str = "B") -> Message:
    return s3_message(REMOVED, KEY, minute=minute, sequencer=sequencer, offset=offset)


async def head_of(world: World) -> ImageHead:
    head = await MemoryScores.head(world.scores, IMAGE)
    assert head is not None
    return head


async def tagged(world: World | None = None) -> World:
    """A photograph whose producer's clock is ahead of all that follows."""
    world = world or World()
    await world.images.put(PLACE, b"ambiance=0.9")
    await world.deliver(put_by_producer())
    return world


async def test_a_removal_that_a_clock_outranks_holds_where_storage_has_nothing() -> None:
    world = await tagged()
    world.images.objects.clear()
    await world.deliver(removal())
    assert (await head_of(world)).state is State.DELETED
    assert world.said[-1] == (topics.AMBIANCE, "ambiance", "removed")
    assert world.tags.on(topics.LATEST)[-1].event is None
    assert world.counted("removed") == 1


async def test_a_removal_that_a_clock_outranks_is_history_where_something_stands() -> None:
    world = await tagged()
    told = len(world.tags.announced)
    await world.deliver(removal())
    assert (await head_of(world)).state is State.VISIBLE
    assert len(world.tags.announced) == told
    assert world.counted("stale") == 1


async def test_the_event_that_pinned_an_image_does_not_bring_it_back() -> None:
    world = await tagged()
    world.images.objects.clear()
    await world.deliver(removal())
    gone, told = await head_of(world), len(world.tags.announced)
    await world.deliver(put_by_producer(), removal(), put_by_producer(offset=5))
    assert await head_of(world) == gone
    assert len(world.tags.announced) == told
    assert world.refused == {(IMAGE, "gone")}


async def test_a_photograph_that_is_put_again_within_the_lead_of_the_clock_stands() -> None:
    world = await tagged()
    world.images.objects.clear()
    await world.deliver(removal())
    await world.images.put(PLACE, b"menu=0.9")
    await world.deliver(s3_message(CREATED, KEY, minute=4, sequencer="C", offset=2))
    head = await head_of(world)
    assert (head.state, head.position.sequencer) == (State.HIDDEN, "C")


async def test_a_producer_s_own_removal_is_looked_into_too() -> None:
    world = await tagged()
    said = ImageRemoved.model_validate({"location": PLACE, "removed_at": EPOCH + timedelta(minutes=2)})
    world.images.objects.clear()
    await world.deliver(raw_message(wire.encode(said), offset=1))
    assert (await head_of(world)).state is State.DELETED


async def test_a_removal_that_storage_itself_outranks_asks_nothing() -> None:
    world = World()
    world.images = images = AwayImages(LIMITS, times=0)
    await world.images.put(PLACE, b"ambiance=0.9")
    await world.deliver(s3_message(CREATED, KEY, minute=5, sequencer="C"))
    images.objects.clear()
    images.away.left = 1_000
    await world.deliver(removal())
    assert images.away.refused == 0
    assert (await head_of(world)).state is State.VISIBLE


async def test_storage_is_asked_until_it_answers() -> None:
    world = World()
    world.images = images = AwayImages(LIMITS, times=0)
    await tagged(world)
    images.objects.clear()
    images.away.left = 3
    await world.deliver(removal())
    assert images.away.refused == 3
    assert (await head_of(world)).state is State.DELETED


async def test_a_replay_of_a_pinned_image_withdraws_it() -> None:
    """A worker of an earlier version knew of the removal, and left the image standing."""
    world = await tagged()
    await world.deliver(removal())
    assert (await head_of(world)).state is State.VISIBLE
    world.images.objects.clear()
    world.tagger = SpokenTagger(world.faults, version="2")
    upload = upload_of(KEY, minute=AHEAD).model_copy(update={"location": PLACE})
    await world.deliver(rescore_message(upload, version="2"))
    assert (await head_of(world)).state is State.DELETED


@pytest.mark.parametrize(
    "boundary", [b for b in (*BOUNDARIES, HALFWAY) if b[0] in {"head", "announce", "mark"}], ids="/".join
)
async def test_a_worker_killed_while_it_withdraws_is_made_good(boundary: tuple[str, str]) -> None:
    calm, faulted = await tagged(), await tagged(World(Faults()))
    for world in (calm, faulted):
        world.images.objects.clear()
    await calm.deliver(removal())
    faulted.faults.boundary = boundary
    with pytest.raises(Crash):
        await faulted.deliver(removal())
    await faulted.deliver(removal())
    assert await head_of(faulted) == await head_of(calm)
    assert faulted.event_ids == calm.event_ids


class SlowScores(MemoryScores):
    """Before the first score is kept, `meanwhile` happens: on another worker."""

    meanwhile: Message | None = None
    world: World

    async def apply(self, image_id: str, change: Change, record: object = None) -> Kept | Stale:
        if record is not None and (message := self.meanwhile) is not None:
            self.meanwhile = None
            self.world.images.objects.clear()
            await self.world.deliver(message)
        return await super().apply(image_id, change, record)  # type: ignore[arg-type]


async def test_an_upload_that_was_read_before_the_deletion_and_kept_after_it_stands_for_nothing() -> None:
    world = World()
    scores = SlowScores()
    world.scores, scores.world, scores.meanwhile = scores, world, removal()
    await tagged(world)
    assert (await head_of(world)).state is State.DELETED
    assert world.tags.on(topics.TAGGED) == []


@given(
    clocks=st.lists(st.integers(0, 40), min_size=1, max_size=3, unique=True),
    creations=st.lists(st.integers(0, 40), max_size=2, unique=True),
    removed=st.integers(0, 40),
    before=st.integers(0, 6),
    shuffled=st.randoms(use_true_random=False),
)
@settings(max_examples=200, deadline=None)
async def test_what_storage_has_deleted_is_withdrawn_whatever_any_clock_says_and_in_any_order(
    clocks: list[int], creations: list[int], removed: int, before: int, shuffled: random.Random
) -> None:
    """Some events are heard while the photograph stands, the removal and all others after its deletion."""
    said = [put_by_producer(minute, offset=number) for number, minute in enumerate(clocks)]
    said += [
        s3_message(CREATED, KEY, minute=minute, sequencer=f"A{number}", offset=10 + number)
        for number, minute in enumerate(creations)
    ]
    shuffled.shuffle(said)
    world = World()
    await world.images.put(PLACE, b"ambiance=0.9")
    await world.deliver(*said[:before])
    world.images.objects.clear()
    late = [*said[before:], *shuffled.sample(said, 1), removal(removed), removal(removed)]
    shuffled.shuffle(late)
    await world.deliver(*late)
    head = await head_of(world)
    assert head.state is State.DELETED
    assert head.is_announced
    if world.tags.on(topics.TAGGED):
        assert world.tags.on(topics.LATEST)[-1].event is None
    assert {code for _, code in world.refused} <= {"gone"}


FAR = 60 * 24 * 365 * 73


def pinned() -> ImageHead:
    """As an earlier version kept it."""
    return after(scored(claim(FAR), content="a", ambiance=0.9))


@pytest.mark.parametrize("sequencer", [None, "B"])
def test_an_upload_of_2099_that_an_earlier_version_kept_outranks_nothing_that_comes_now(
    sequencer: str | None,
) -> None:
    gone = claim(5, sequencer=sequencer, removal=True)
    assert outcome(pinned(), changes(gone).removed(gone)).head.state is State.DELETED
    again = claim(5, sequencer=sequencer)
    head = outcome(pinned(), changes(again).scored(scoring(again, content="b", menu=0.9))).head
    assert (head.position, head.state) == (again.position, State.HIDDEN)
    assert head.all_claims.current == again


def test_what_nobody_speaks_of_stays_as_an_earlier_version_kept_it() -> None:
    assert changes().joined(pinned()) == pinned().all_claims


def test_a_time_that_is_tolerated_by_some_clock_is_taken_from_no_head() -> None:
    near = claim(60 * 24 + 19)  # of a day later, which is now, and less than twice the tolerance
    head = after(scored(near, ambiance=0.9))
    assert outcome(head, changes(claim(5)).noted).head.position == near.position


def test_somebody_s_later_word_is_left_alone_by_an_answer_of_storage() -> None:
    producer, gone, again = claim(9), claim(2, sequencer="B", removal=True), claim(4, sequencer="C")
    head = after(scored(producer, ambiance=0.9), changes(gone).noted, changes(again).noted)
    assert outcome(head, changes().vanished(gone, ended=producer)) == Kept(head=head)
    stands = after(scored(claim(12), ambiance=0.9))
    assert outcome(stands, changes().vanished(gone, ended=producer)) == Kept(head=stands)


CLAIMS = st.builds(
    lambda minute, sequencer: claim(minute, sequencer=sequencer, removal=minute % 3 == 0),
    st.integers(0, 30) | st.integers(FAR, FAR + 5),
    st.none() | st.sampled_from("ABC"),
)


@given(
    kept=st.lists(CLAIMS, max_size=4),
    arrived=st.lists(CLAIMS.filter(lambda each: each.position.offset < FAR), min_size=1, max_size=4),
    data=st.data(),
)
def test_without_what_no_version_takes_any_more_the_join_is_one_in_any_order(
    kept: list[Claim], arrived: list[Claim], data: st.DataObject
) -> None:
    """Once something came that is taken, what an earlier version kept of 2099 has left no trace."""
    horizon = claim(60).position.uploaded_at
    joined = Claims.of(*kept)
    for each in data.draw(st.permutations([*arrived, *arrived])):
        joined = Claims.of(each).joined(joined.within(horizon))
    # Of one voice the latest was kept: what 2099 has outranked before is not known any more.
    known = [each for each in (Claims.of(*kept).storage, Claims.of(*kept).producer) if each]
    taken = [each for each in known if each.position.uploaded_at <= horizon]
    assert joined == Claims.of(*taken, *arrived)
    assert joined.current.position.uploaded_at <= horizon
