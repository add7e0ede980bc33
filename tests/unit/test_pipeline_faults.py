"""What the straight path does when something around it fails: wait, leave the work, or begin again."""

import contextlib

import pytest

from schemas import topics
from schemas.records import ImageHead
from streams.adapters.memory import AwayImages, AwayScores, AwayTags
from streams.message import Message

from .straight_path import (
    BOUNDARIES,
    HALFWAY,
    LIMITS,
    Crash,
    Faults,
    World,
    message_of,
    raw_message,
    upload_of,
)

UPLOAD = upload_of()
SEEN = "menu=0.9 human=0.8"
ON_THE_PATH = tuple(boundary for boundary in (*BOUNDARIES, HALFWAY) if boundary[0] != "bury")


async def unfaulted() -> tuple[ImageHead, set[tuple[str, str, str, str]]]:
    world = World()
    await world.tag(UPLOAD, SEEN)
    return await world.head_of(UPLOAD), world.event_ids


@pytest.fixture
def world() -> World:
    return World()


async def ends_like_an_unfaulted_run(world: World) -> None:
    await world.tag(UPLOAD, SEEN)
    head, event_ids = await unfaulted()
    assert await world.head_of(UPLOAD) == head
    assert world.event_ids == event_ids
    assert world.tags.buried == []


async def test_a_storage_that_is_away_is_waited_for(world: World) -> None:
    world.images = images = AwayImages(LIMITS, times=4)
    await ends_like_an_unfaulted_run(world)
    assert images.away.refused == 4


@pytest.mark.parametrize("after", [False, True], ids=["before it wrote", "after it wrote"])
async def test_a_store_that_is_away_is_waited_for(world: World, *, after: bool) -> None:
    world.scores = scores = AwayScores(times=4, after=after)
    await ends_like_an_unfaulted_run(world)
    assert scores.applying.refused == 4


@pytest.mark.parametrize("after", [False, True], ids=["before it published", "after it published"])
async def test_a_broker_that_is_away_is_waited_for(world: World, *, after: bool) -> None:
    world.tags = tags = AwayTags(times=4, after=after)
    await ends_like_an_unfaulted_run(world)
    assert tags.announcing.refused == 4


async def test_everything_away_at_once_is_waited_for(world: World) -> None:
    world.images = AwayImages(LIMITS, times=3)
    world.scores = AwayScores(times=3)
    world.tags = AwayTags(times=3)
    await ends_like_an_unfaulted_run(world)


async def test_a_dead_letter_waits_for_the_broker_too(world: World) -> None:
    world.tags = tags = AwayTags(times=4)
    await world.deliver(raw_message(b"?"))
    assert tags.burying.refused == 4
    assert world.refused == {(None, "malformed")}


@pytest.mark.parametrize("boundary", ON_THE_PATH, ids="/".join)
async def test_an_error_that_nobody_foresaw_leaves_the_work_and_buries_nothing(
    boundary: tuple[str, str],
) -> None:
    world = World(Faults(boundary, error=RuntimeError("a bug")))
    with pytest.raises(RuntimeError, match="a bug"):
        await world.tag(UPLOAD, SEEN)
    assert world.tags.buried == []


@pytest.mark.parametrize("boundary", ON_THE_PATH, ids="/".join)
async def test_a_worker_killed_at_any_boundary_is_made_good_by_the_redelivery(
    boundary: tuple[str, str],
) -> None:
    world = World(Faults(boundary))
    with pytest.raises(Crash):
        await world.tag(UPLOAD, SEEN)
    await ends_like_an_unfaulted_run(world)


@pytest.mark.parametrize("boundary", ON_THE_PATH, ids="/".join)
async def test_a_re_upload_killed_at_any_boundary_takes_back_what_no_longer_holds(
    boundary: tuple[str, str],
) -> None:
    world = World()
    await world.tag(UPLOAD, SEEN)
    told = len(world.said)
    changed = upload_of(minute=1)
    world.faults.boundary = boundary
    with pytest.raises(Crash):
        await world.tag(changed, "human=0.9", offset=1)
    await world.deliver(message_of(changed, offset=1))
    assert set(world.said[told:]) == {(topics.MODERATION, "menu", "removed")}
    assert (await world.head_of(changed)).is_announced


@pytest.mark.parametrize("boundary", [b for b in BOUNDARIES if b[0] == "bury"], ids="/".join)
async def test_a_worker_killed_while_it_buries_buries_the_same_again(boundary: tuple[str, str]) -> None:
    world, message = World(Faults(boundary)), raw_message(b"?")
    with pytest.raises(Crash):
        await world.deliver(message)
    await world.deliver(message)
    assert len({letter.source for letter in world.tags.buried}) == 1
    assert len(set(map(repr, world.tags.buried))) == 1


@pytest.mark.parametrize("boundary", [("keep", "after"), ("announce", "before"), HALFWAY, ("mark", "before")])
async def test_a_redelivery_reuses_the_scores_that_were_kept(boundary: tuple[str, str]) -> None:
    world = World(Faults(boundary))
    with pytest.raises(Crash):
        await world.tag(UPLOAD, SEEN)
    fetched = len(world.images.fetched)
    await world.deliver(message_of(UPLOAD))
    assert world.tagger.forwards == 1
    assert len(world.images.fetched) == fetched
    assert world.counted("resumed") == 1


@pytest.mark.parametrize("boundary", ON_THE_PATH, ids="/".join)
async def test_all_messages_since_the_last_commit_may_come_again(boundary: tuple[str, str]) -> None:
    messages = [message_of(upload_of(minute=minute), offset=minute) for minute in range(3)]
    faulted, calm = World(), World()
    for world in (faulted, calm):
        for minute in range(3):
            await world.put(upload_of(minute=minute), SEEN if minute % 2 else "menu=0.9")
    await calm.deliver(*messages)
    await faulted.deliver(messages[0])
    faulted.faults.boundary = boundary
    await killed(faulted, messages[1])
    await faulted.deliver(*messages)
    assert await faulted.head_of(UPLOAD) == await calm.head_of(UPLOAD)
    assert faulted.event_ids == calm.event_ids


async def killed(world: World, message: Message) -> None:
    with contextlib.suppress(Crash):
        await world.deliver(message)
    assert world.faults.boundary is None
