"""A collection is a restaurant's: a photograph that changes its restaurant changes its collection."""

import pytest

from schemas import topics
from schemas.events import CollectionChanged

from .straight_path import World, upload_of

Followed = set[tuple[str | None, str]]


def collections(world: World) -> Followed:
    """What a consumer of the collections holds: restaurant and image."""
    held: Followed = set()
    for said in world.tags.on(topics.AMBIANCE):
        assert isinstance(said.event, CollectionChanged)
        place = (said.event.restaurant_id, said.event.image_id)
        held = held | {place} if said.event.action == "added" else held - {place}
    return held


@pytest.mark.parametrize("before", ["r1", "r2", None])
@pytest.mark.parametrize("after", ["r1", "r2", None])
async def test_the_photograph_is_in_the_collection_of_its_last_restaurant_alone(
    before: str | None, after: str | None
) -> None:
    world = World()
    await world.tag(upload_of(minute=1, restaurant=before), "ambiance=0.9")
    await world.tag(upload_of(minute=2, restaurant=after), "ambiance=0.9", offset=1)
    assert collections(world) == ({(after, upload_of().image_id)} if after else set())


async def test_a_photograph_that_lost_its_restaurant_and_its_ambiance_leaves_the_collection() -> None:
    world = World()
    await world.tag(upload_of(minute=1, restaurant="r1"), "ambiance=0.9")
    await world.tag(upload_of(minute=2, restaurant=None), "food=0.9", offset=1)
    assert collections(world) == set()
