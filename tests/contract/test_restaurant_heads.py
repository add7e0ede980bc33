"""What every score store does for lists: whose images they are, in pages, and which are in a collection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from agents.erasure import erased
from schemas import topics
from schemas.errors import ConfigurationError
from schemas.records import ImageHead
from schemas.tags import Route
from streams.adapters.mongo.indexes import OF_COLLECTION, OF_RESTAURANT, Index
from streams.adapters.mongo.store import MongoScores

from .builders import EPOCH, announced, head, position, verdict
from .mongo_server import MongoWireServer
from .stores import Place, Scores, become, mongo_settings


@pytest.fixture
async def scores(store_place: Place) -> AsyncIterator[Scores]:
    """A store with its indexes, without which it answers nothing of this."""
    async with store_place.store() as store:
        if isinstance(store, MongoScores):
            await store.apply_indexes()
        yield store


def of(restaurant: str | None, image: str, *to: str) -> ImageHead:
    """The restaurant's image, which routes lead to these topics."""
    routes = tuple(
        Route(topic=topic, label=f"l{number}", probability=0.9, threshold=0.5, rule="l >= 0.5")
        for number, topic in enumerate(to)
    )
    held = verdict().model_copy(update={"routes": routes})
    return head(position(1), image=image).model_copy(update={"restaurant_id": restaurant, "verdict": held})


async def keep(scores: Scores, *heads: ImageHead) -> None:
    await asyncio.gather(*(scores.apply(each.image_id, become(each)) for each in heads))


async def ids(scores: Scores, restaurant: str, *, topic: str | None = None) -> list[str]:
    return [each.image_id for each in await scores.of_restaurant(restaurant, topic=topic)]


async def test_a_restaurants_images_are_found_in_the_order_of_their_ids(scores: Scores) -> None:
    mine = [of("r1", "img_a"), of("r1", "img_b"), of("r1", "img_d")]
    await keep(scores, *reversed(mine), of("r2", "img_c"), of("r11", "img_e"), of(None, "img_f"))
    assert await scores.of_restaurant("r1") == tuple(mine)
    assert await scores.of_restaurant("r3") == ()


async def test_the_empty_name_is_no_restaurants(scores: Scores) -> None:
    await keep(scores, of(None, "img_a"), of("", "img_b", topics.AMBIANCE))
    assert await scores.of_restaurant("") == ()
    assert await scores.of_restaurant("", topic=topics.AMBIANCE) == ()


@pytest.mark.parametrize("topic", [None, topics.AMBIANCE])
async def test_a_restaurants_images_come_in_pages_with_fewer_at_the_end(
    scores: Scores, topic: str | None
) -> None:
    await keep(scores, *(of("r1", f"img_{number:02}", topics.AMBIANCE) for number in range(25)))
    await keep(scores, *(of("r2", f"img_{number:02}x", topics.AMBIANCE) for number in range(25)))
    pages, after = [], ""
    while page := await scores.of_restaurant("r1", topic=topic, after=after, limit=10):
        pages.append(len(page))
        assert min(each.image_id for each in page) > after
        after = page[-1].image_id
    assert pages == [10, 10, 5]


async def test_a_restaurant_is_found_whatever_the_id_is_made_of(scores: Scores) -> None:
    names = ("a.b", "$where", "o'neill", "é☕", "{}", "0", "a/b", "%", "\0")
    await keep(scores, *(of(name, f"img_{number}") for number, name in enumerate(names)))
    assert [await ids(scores, name) for name in names] == [[f"img_{number}"] for number in range(len(names))]


async def test_with_a_topic_only_those_are_found_that_a_route_leads_there(scores: Scores) -> None:
    await keep(
        scores,
        of("r1", "img_a", topics.AMBIANCE),
        of("r1", "img_b"),
        of("r1", "img_c", topics.MODERATION),
        of("r1", "img_d", topics.MODERATION, topics.AMBIANCE, topics.AMBIANCE),
        of("r2", "img_e", topics.AMBIANCE),
        of("r1", "img_f", topics.AMBIANCE).model_copy(update={"verdict": None}),
    )
    assert await ids(scores, "r1", topic=topics.AMBIANCE) == ["img_a", "img_d"]
    assert await ids(scores, "r1", topic=topics.MODERATION) == ["img_c", "img_d"]
    assert await ids(scores, "r1", topic="photos.%") == []


async def test_a_route_that_no_longer_holds_leads_nowhere_though_it_was_announced(scores: Scores) -> None:
    once = of("r1", "img_a", topics.AMBIANCE)
    await keep(scores, once)
    assert await ids(scores, "r1", topic=topics.AMBIANCE) == ["img_a"]
    facts = {"announced": announced(once), "judged": once.verdict}
    await keep(scores, of("r1", "img_a").model_copy(update=facts))
    assert await ids(scores, "r1", topic=topics.AMBIANCE) == []
    assert await ids(scores, "r1") == ["img_a"]


async def test_an_image_that_a_later_claim_moves_is_the_other_restaurants(scores: Scores) -> None:
    await keep(scores, of("r1", "img_a", topics.AMBIANCE))
    await keep(scores, of("r2", "img_a", topics.AMBIANCE))
    for topic in (None, topics.AMBIANCE):
        assert (await ids(scores, "r1", topic=topic), await ids(scores, "r2", topic=topic)) == ([], ["img_a"])
    await keep(scores, of(None, "img_a", topics.AMBIANCE))
    assert await ids(scores, "r2", topic=topics.AMBIANCE) == []


async def test_an_erased_image_is_no_restaurants(scores: Scores) -> None:
    await keep(scores, of("r1", "img_a", topics.AMBIANCE), of("r1", "img_b", topics.AMBIANCE))
    await scores.apply("img_a", erased("img_a", at=EPOCH))
    assert await ids(scores, "r1") == ["img_b"]
    assert await ids(scores, "r1", topic=topics.AMBIANCE) == ["img_b"]


@pytest.mark.parametrize(
    ("index", "topic"),
    [(OF_RESTAURANT, None), (OF_COLLECTION, topics.AMBIANCE)],
    ids=["images", "collection"],
)
async def test_without_its_index_mongodb_reads_nothing_and_says_what_makes_it(
    mongo: MongoWireServer, index: Index, topic: str | None
) -> None:
    async with MongoScores(mongo_settings(mongo.url)) as scores:
        await keep(scores, of("r1", "img_a", topics.AMBIANCE))
        with pytest.raises(ConfigurationError, match=rf"{index.name}.*run `tagstream store apply`"):
            await scores.of_restaurant("r1", topic=topic)
        await scores.apply_indexes()
        assert await ids(scores, "r1", topic=topic) == ["img_a"]
