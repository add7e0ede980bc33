"""`/v1/restaurants/{id}/ambiance`: what guests see of a restaurant now, ranked, each with its reason."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents import announcements, transitions
from agents.erasure import erased
from agents.transitions import Transitions
from operations import restaurant_collection
from schemas import topics
from schemas.api_keys import Scope
from schemas.decisions import Decided
from schemas.errors import UnknownImage
from schemas.events import Action, CollectionChanged
from schemas.records import ImageHead, Kept, State
from schemas.tags import Route
from streams.adapters.memory import MemoryScores
from streams.ports import Change

from .console_rig import Rig, problem_of
from .head_builders import NOW, TAGGER, at, claim, decision, scoring

HERE = "/v1/restaurants/r1/ambiance"


async def keep(rig: Rig, image: str, *, minute: int = 1, content: str | None = None, **seen: float) -> None:
    """The store has r1's image of that minute, in which the model saw this."""
    scored = scoring(claim(minute, restaurant="r1"), content=content or image, version="1", **seen)
    await rig.store.apply(image, Transitions(image, TAGGER, NOW).scored(scored))


def become(head: ImageHead) -> Change:
    return lambda _: Kept(head=head)


async def decide(rig: Rig, image: str, action: Decided, *labels: str) -> None:
    change = Transitions(image, TAGGER, NOW).decided(decision(500, action, *labels))
    await rig.store.apply(image, change)


async def shown(client: httpx.AsyncClient) -> dict[str, Any]:
    answer = await client.get(HERE)
    assert answer.status_code == 200, answer.text
    said: dict[str, Any] = answer.json()
    return said


def ids(said: dict[str, Any]) -> list[str]:
    return [each["image_id"] for each in said["items"]]


async def test_a_collection_is_ranked_by_probability_and_the_newest_first_among_equals() -> None:
    rig = Rig()
    await keep(rig, "img_a", minute=1, ambiance=0.8)
    await keep(rig, "img_b", minute=2, ambiance=0.95)
    await keep(rig, "img_c", minute=3, ambiance=0.8)
    await keep(rig, "img_d", minute=3, ambiance=0.8)
    await keep(rig, "img_e", minute=4, food=0.9)
    async with rig.client(await rig.key(Scope.IMAGES_READ)) as client:
        said = await shown(client)
    assert ids(said) == ["img_b", "img_c", "img_d", "img_a"]
    assert (said["restaurant_id"], said["is_whole"]) == ("r1", True)


async def test_each_image_has_its_reason_as_why_has_it() -> None:
    rig = Rig()
    await keep(rig, "img_a", ambiance=0.8)
    async with rig.client(await rig.key(Scope.IMAGES_READ)) as client:
        (item,) = (await shown(client))["items"]
        why = (await client.get("/v1/images/img_a/why")).json()
    (route,) = why["routes"]
    reason = {"label": "ambiance", "threshold": 0.7, "rule": route["rule"], "decided_by": None}
    assert item == {
        "image_id": "img_a",
        "location": why["location"],
        "rank": 0.8,
        "probability": 0.8,
        "reason": reason,
        "uploaded_at": why["claims"][0]["position"]["uploaded_at"],
        "revision": why["revision"],
        "same_as": [],
    }


async def test_a_persons_word_ranks_first_and_is_said_to_be_that() -> None:
    rig = Rig()
    await keep(rig, "img_a", ambiance=0.1)
    await keep(rig, "img_b", ambiance=0.99)
    await decide(rig, "img_a", Decided.CORRECT, "ambiance")
    async with rig.client(await rig.key(Scope.IMAGES_READ)) as client:
        first, second = (await shown(client))["items"]
    assert (first["image_id"], first["rank"], first["probability"]) == ("img_a", 1.0, 0.1)
    assert (first["reason"]["decided_by"], first["reason"]["rule"]) == ("ann", "a person says ambiance")
    assert (second["image_id"], second["rank"], second["reason"]["decided_by"]) == ("img_b", 0.99, None)


async def test_an_approval_names_who_gave_it_and_leaves_the_rank_to_the_model() -> None:
    rig = Rig()
    await keep(rig, "img_a", ambiance=0.8, human=0.9)
    async with rig.client(await rig.key(Scope.IMAGES_READ)) as client:
        assert ids(await shown(client)) == []
        await decide(rig, "img_a", Decided.APPROVE)
        (item,) = (await shown(client))["items"]
    assert (item["rank"], item["reason"]["decided_by"]) == (0.8, "ann")


async def test_what_is_rejected_or_hidden_is_shown_to_nobody() -> None:
    rig = Rig()
    for image in ("img_a", "img_b"):
        await keep(rig, image, ambiance=0.9)
    await decide(rig, "img_a", Decided.REJECT)
    held = await rig.store.head("img_b")
    assert held
    strange = held.model_copy(update={"state": State.HIDDEN})  # of no version: its route would have gone
    await rig.store.apply("img_b", become(strange))
    async with rig.client(await rig.key(Scope.IMAGES_READ)) as client:
        assert ids(await shown(client)) == []


async def test_the_very_same_bytes_are_shown_once_with_the_others_named() -> None:
    rig = Rig()
    for minute, image in enumerate(("img_a", "img_b", "img_c"), start=1):
        await keep(rig, image, minute=minute, content="bytes", ambiance=0.9)
    await keep(rig, "img_d", content="other bytes", ambiance=0.8)
    async with rig.client(await rig.key(Scope.IMAGES_READ)) as client:
        said = await shown(client)
    assert [(each["image_id"], each["same_as"]) for each in said["items"]] == [
        ("img_c", ["img_b", "img_a"]),
        ("img_d", []),
    ]


def test_images_of_which_nobody_knows_the_bytes_are_not_taken_for_the_same() -> None:
    known = Transitions("img_a", TAGGER, NOW).scored(scoring(claim(1), ambiance=0.9))(None).head
    heads = [known.model_copy(update={"image_id": each, "content": None}) for each in ("img_a", "img_b")]
    found = restaurant_collection.collected(heads, topic=topics.AMBIANCE)
    assert [each.head.image_id for each in found] == ["img_a", "img_b"]


def test_of_several_routes_to_the_collection_the_highest_ranks_the_image() -> None:
    known = Transitions("img_a", TAGGER, NOW).scored(scoring(claim(1), ambiance=0.9))(None).head
    assert known.verdict
    other = Route(topic=topics.AMBIANCE, label="terrace", probability=0.95, threshold=0.5, rule="a terrace")
    both = known.verdict.model_copy(update={"routes": (*known.verdict.routes, other)})
    (found,) = restaurant_collection.collected(
        [known.model_copy(update={"verdict": both})], topic=topics.AMBIANCE
    )
    assert (found.route.label, found.rank) == ("terrace", 0.95)


@pytest.mark.parametrize("more", [0, 1])
async def test_a_collection_is_read_so_far_and_says_whether_that_is_all(more: int) -> None:
    rig = Rig()
    await keep(rig, "img_x", ambiance=0.9)
    kept = await rig.store.head("img_x")
    assert kept
    for number in range(restaurant_collection.MOST_READ - 1 + more):
        facts = {"image_id": f"img_{number:04}", "content": None}
        image = kept.model_copy(update=facts)
        await rig.store.apply(image.image_id, become(image))
    async with rig.client(await rig.key(Scope.IMAGES_READ)) as client:
        said = await shown(client)
    assert len(said["items"]) == restaurant_collection.MOST_READ
    assert said["is_whole"] is (not more)


async def test_photographs_of_something_else_are_not_read_for_a_collection() -> None:
    rig = Rig()
    await keep(rig, "img_0", food=0.9)
    kept = await rig.store.head("img_0")
    assert kept
    for number in range(restaurant_collection.MOST_READ + 1):
        image = kept.model_copy(update={"image_id": f"img_{number:04}"})
        await rig.store.apply(image.image_id, become(image))
    await keep(rig, "img_z", ambiance=0.9)
    async with rig.client(await rig.key(Scope.IMAGES_READ)) as client:
        said = await shown(client)
    assert (ids(said), said["is_whole"]) == (["img_z"], True)


async def test_a_restaurant_that_nobody_knows_has_no_photographs() -> None:
    rig = Rig()
    async with rig.client(await rig.key(Scope.IMAGES_READ)) as client:
        assert await shown(client) == {"restaurant_id": "r1", "items": [], "is_whole": True}


async def test_whoever_has_the_answer_is_told_so_until_it_changes() -> None:
    rig = Rig()
    await keep(rig, "img_a", ambiance=0.9)
    async with rig.client(await rig.key(Scope.IMAGES_READ)) as client:
        tag = (await client.get(HERE)).headers["etag"]
        again = await client.get(HERE, headers={"If-None-Match": tag})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        await keep(rig, "img_b", ambiance=0.9)
        later = await client.get(HERE, headers={"If-None-Match": tag})
        assert (later.status_code, len(later.json()["items"])) == (200, 2)
        assert later.headers["etag"] != tag


@pytest.mark.parametrize("scope", [Scope.IMAGES_READ, Scope.OPERATE])
async def test_keys_that_read_images_or_operate_are_told(scope: Scope) -> None:
    rig = Rig()
    async with rig.client(await rig.key(scope)) as client:
        assert (await client.get(HERE)).status_code == 200


async def test_other_keys_are_not_told_and_hear_which_scopes_would_do() -> None:
    rig = Rig()
    async with rig.client(await rig.key(*set(Scope) - {Scope.IMAGES_READ, Scope.OPERATE})) as client:
        said = problem_of(await client.get(HERE), 403, "forbidden")
        assert "images:read or operate" in said["detail"]
    async with rig.client(None) as client:
        problem_of(await client.get(HERE), 401, "unauthenticated")


async def test_a_parameter_that_there_is_not_is_refused() -> None:
    rig = Rig()
    async with rig.client(await rig.key(Scope.IMAGES_READ)) as client:
        problem_of(await client.get(f"{HERE}?limit=3"), 422, "invalid")


RESTAURANTS = ("r1", "r2", None)
scores = st.fixed_dictionaries({label: st.sampled_from((0.1, 0.9)) for label in ("ambiance", "menu")})


@st.composite
def happenings(draw: st.DrawFn) -> tuple[str, Change]:
    """Something that becomes of one of three images, at some time."""
    image, minute = draw(st.sampled_from(("img_a", "img_b", "img_c"))), draw(st.integers(1, 40))
    changes = Transitions(image, TAGGER, NOW)
    match draw(st.sampled_from(("scored", "decided", "removed", "erased"))):
        case "scored":
            of = claim(minute, restaurant=draw(st.sampled_from(RESTAURANTS)))
            return image, changes.scored(
                scoring(of, content=draw(st.sampled_from("xy")), version="1", **draw(scores))
            )
        case "decided":
            action = draw(st.sampled_from(Decided))
            return image, changes.decided(
                decision(minute, action, *draw(st.sampled_from([(), ("ambiance",)])))
            )
        case "removed":
            return image, changes.removed(claim(minute, removal=True))
        case _:
            return image, erased(image, at=at(minute))


class TopicReader:
    """What a consumer of the collection's topic knows once it has read all of it."""

    def __init__(self) -> None:
        self._labels: dict[tuple[str | None, str], set[str]] = {}

    def hear(self, head: ImageHead) -> None:
        for said in announcements.announcements(head, announcements.diff(head)):
            if said.topic == topics.AMBIANCE:
                assert isinstance(said.event, CollectionChanged)
                labels = self._labels.setdefault((said.event.restaurant_id, said.event.image_id), set())
                (labels.add if said.event.action is Action.ADDED else labels.discard)(said.event.label)

    def of(self, restaurant: str) -> set[str]:
        return {image for (whose, image), labels in self._labels.items() if whose == restaurant and labels}


def named(images: tuple[restaurant_collection.CollectedImage, ...]) -> Iterator[str]:
    for each in images:
        yield each.head.image_id
        yield from each.same_as


@given(st.lists(happenings(), max_size=20))
async def test_whatever_happens_the_collection_is_what_the_topic_says(
    happened: list[tuple[str, Change]],
) -> None:
    store, reader = MemoryScores(), TopicReader()
    for image, change in happened:
        stored = await store.head(image)
        try:
            outcome = await store.apply(image, change)
        except UnknownImage:  # there is nothing to decide on
            continue
        if isinstance(outcome, Kept) and outcome.head != stored:
            reader.hear(outcome.head)
            await store.apply(image, transitions.acknowledged(outcome.head))
    for restaurant in ("r1", "r2"):
        found = await restaurant_collection.collect(store, restaurant, topic=topics.AMBIANCE)
        assert sorted(named(found.images)) == sorted(reader.of(restaurant))
