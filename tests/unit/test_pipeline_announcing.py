"""Two workers tell the world of one image at once: whoever speaks last, the last word is the newer one."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from schemas import topics
from schemas.errors import Unavailable
from schemas.events import Announcement, TagsHeld
from streams.adapters.memory import MemoryTags

from .straight_path import Crash, Faults, World, message_of, upload_of

OLDER, NEWER = upload_of(minute=1), upload_of(minute=2)


class SlowTags(MemoryTags):
    """Before the first event goes out, another worker brings the newer upload to its end."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world
        self._overtaken = False

    async def announce(self, announcements: Sequence[Announcement]) -> None:
        if not self._overtaken:
            self._overtaken = True
            await self._world.deliver(message_of(NEWER, offset=2))
        await super().announce(announcements)


async def overtaken(older: str, newer: str) -> World:
    """The older upload's worker kept its verdict, and speaks when the newer one is told and marked."""
    world = World()
    world.tags = SlowTags(world)
    await world.put(NEWER, newer)
    await world.tag(OLDER, older, offset=1)
    return world


def latest(world: World) -> TagsHeld:
    event = world.tags.on(topics.LATEST)[-1].event
    assert isinstance(event, TagsHeld)
    return event


def heard(world: World) -> set[tuple[str, str]]:
    """What a consumer holds that takes events as they come."""
    held: set[tuple[str, str]] = set()
    for topic, label, action in world.said:
        held = held | {(topic, label)} if action == "added" else held - {(topic, label)}
    return held


@pytest.mark.parametrize("older", ["menu=0.9", "ambiance=0.9", "food=0.9"])
@pytest.mark.parametrize("newer", ["human=0.9", "ambiance=0.9", "food=0.9"])
async def test_the_compacted_topic_ends_with_the_newer_tags(older: str, newer: str) -> None:
    world = await overtaken(older, newer)
    head = await world.head_of(NEWER)
    assert latest(world).position == head.position
    assert latest(world).revision == head.revision


@pytest.mark.parametrize("older", ["menu=0.9", "ambiance=0.9", "food=0.9"])
@pytest.mark.parametrize("newer", ["human=0.9", "ambiance=0.9", "food=0.9"])
async def test_who_takes_events_as_they_come_ends_with_the_newer_routes(older: str, newer: str) -> None:
    world = await overtaken(older, newer)
    head = await world.head_of(NEWER)
    assert head.verdict
    assert heard(world) == {(route.topic, route.label) for route in head.verdict.routes}
    assert head.is_announced


async def test_what_is_said_again_says_the_ids_that_it_had() -> None:
    world = await overtaken("menu=0.9", "human=0.9")
    said = [(each.topic, each.event.event_id) for each in world.tags.announced if each.event]
    assert len(said) > len(set(said))
    of_the_newer = {
        each.event.event_id for each in world.tags.announced if each.event and each.event.revision == 2
    }
    assert len(of_the_newer) == 5  # tagged, held, human added, menu removed, and why it is hidden


class DyingTags(MemoryTags):
    """Before the first event goes out, another worker keeps the newer upload and dies of it."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world
        self._overtaken = False

    async def announce(self, announcements: Sequence[Announcement]) -> None:
        if not self._overtaken:
            self._overtaken = True
            self._world.faults.boundary = ("keep", "after")
            with pytest.raises(Crash):
                await self._world.deliver(message_of(NEWER, offset=2))
        await super().announce(announcements)


async def test_what_another_worker_kept_and_never_said_is_said() -> None:
    world = World()
    world.tags = DyingTags(world)
    await world.put(NEWER, "human=0.9")
    await world.tag(OLDER, "menu=0.9", offset=1)
    assert heard(world) == {(topics.MODERATION, "human")}
    assert (await world.head_of(NEWER)).is_announced


async def test_hysteresis_is_taken_against_what_was_announced_and_not_against_what_was_kept() -> None:
    world = World()
    await world.tag(upload_of(minute=1), "menu=0.9", offset=1)
    world.faults.boundary = ("announce", "before")
    with pytest.raises(Crash):
        await world.tag(upload_of(minute=2), "food=0.9", offset=2)
    await world.tag(upload_of(minute=3), "menu=0.6 food=0.9", offset=3)
    assert heard(world) == {(topics.MODERATION, "menu")}


async def test_a_mark_is_tried_until_the_store_takes_it() -> None:
    world = World(Faults(("mark", "before"), error=Unavailable("store")))
    await world.tag(OLDER, "menu=0.9")
    assert (await world.head_of(OLDER)).is_announced


async def test_what_is_said_to_people_is_counted() -> None:
    world = World()
    await world.tag(OLDER, "menu=0.9 food=0.9")
    await world.tag(upload_of("r1/b.jpg"), "ambiance=0.9", offset=1)
    read = world.metrics.registry.get_sample_value
    assert read("tagstream_moderation_flags_total", {"action": "added", "label": "menu"}) == 1
    assert read("tagstream_collection_changes_total", {"action": "added", "label": "ambiance"}) == 1
    assert read("tagstream_images_without_restaurant_total") == 0
