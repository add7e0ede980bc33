"""`GET /v1/images`: images by restaurant, label, state and version, in pages that read a bounded number."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
import pytest

from agents.erasure import erased
from agents.transitions import Transitions
from console import cursors
from operations import image_list
from schemas.api_keys import Scope
from schemas.decisions import Decided
from schemas.errors import ConfigurationError
from schemas.records import ImageHead, Kept
from streams.adapters.memory import MemoryScores
from streams.ports import Change

from .console_rig import Rig, problem_of
from .head_builders import NOW, TAGGER, at, claim, decision, scoring

HERE = "/v1/images"


async def keep(
    rig: Rig, image: str, *, restaurant: str | None = "r1", version: str = "1", **seen: float
) -> None:
    """The store has the image, in which the model saw this."""
    scored = scoring(claim(1, restaurant=restaurant), content="bytes", version=version, **seen)
    await rig.store.apply(image, Transitions(image, TAGGER, NOW).scored(scored))


async def asked(client: httpx.AsyncClient, **parameters: Any) -> dict[str, Any]:
    """The page, which there is."""
    answer = await client.get(HERE, params=parameters)
    assert answer.status_code == 200, answer.text
    said: dict[str, Any] = answer.json()
    return said


def become(head: ImageHead) -> Change:
    return lambda _: Kept(head=head)


def ids(page: dict[str, Any]) -> list[str]:
    return [each["image_id"] for each in page["items"]]


@pytest.fixture
async def rig() -> Rig:
    """Five images of two restaurants and of none."""
    made = Rig()
    await keep(made, "img_a", food=0.9)
    await keep(made, "img_b", restaurant="r2", ambiance=0.9)
    await keep(made, "img_c", menu=0.9)
    await keep(made, "img_d", restaurant=None, food=0.9, version="2")
    await keep(made, "img_e", food=0.9, ambiance=0.9)
    return made


async def test_images_are_listed_in_the_order_of_their_ids_as_each_of_them_is_shown(rig: Rig) -> None:
    async with rig.client(await rig.key(Scope.IMAGES_READ)) as client:
        page = await asked(client)
        assert ids(page) == ["img_a", "img_b", "img_c", "img_d", "img_e"]
        assert page["next"] is None
        assert page["items"][2] == (await client.get(f"{HERE}/img_c")).json()


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"restaurant": "r1"}, ["img_a", "img_c", "img_e"]),
        ({"restaurant": "nobody"}, []),
        ({"label": "food"}, ["img_a", "img_d", "img_e"]),
        ({"state": "hidden"}, ["img_c"]),
        ({"state": "deleted"}, []),
        ({"model": "2"}, ["img_d"]),
        ({"model": "3"}, []),
        ({"restaurant": "r1", "label": "food", "state": "visible", "model": "1"}, ["img_a", "img_e"]),
    ],
)
async def test_filters_hold_together(rig: Rig, wanted: dict[str, str], found: list[str]) -> None:
    async with rig.client(await rig.key(Scope.IMAGES_READ)) as client:
        page = await asked(client, **wanted)
        assert (ids(page), page["next"]) == (found, None)


async def test_a_label_is_what_a_person_says_over_what_the_model_says(rig: Rig) -> None:
    corrected = decision(2, Decided.CORRECT, "human")
    await rig.store.apply("img_a", Transitions("img_a", TAGGER, NOW).decided(corrected))
    async with rig.client(await rig.key(Scope.IMAGES_READ)) as client:
        assert ids(await asked(client, label="human")) == ["img_a"]
        assert "img_a" not in ids(await asked(client, label="food"))


async def test_a_removed_image_is_listed_as_deleted_and_an_erased_one_not_at_all(rig: Rig) -> None:
    gone = claim(5, restaurant="r1", removal=True)
    await rig.store.apply("img_a", Transitions("img_a", TAGGER, NOW).removed(gone))
    await rig.store.apply("img_b", erased("img_b", at=at(9)))
    async with rig.client(await rig.key(Scope.IMAGES_READ)) as client:
        assert ids(await asked(client, state="deleted")) == ["img_a"]
        assert ids(await asked(client)) == ["img_a", "img_c", "img_d", "img_e"]


@pytest.mark.parametrize("wanted", [{}, {"restaurant": "r1"}, {"label": "food"}])
async def test_pages_have_every_image_once(rig: Rig, wanted: dict[str, str]) -> None:
    async with rig.client(await rig.key(Scope.IMAGES_READ)) as client:
        whole = ids(await asked(client, **wanted))
        seen: list[str] = []
        page = await asked(client, limit=1, **wanted)
        while True:
            assert len(page["items"]) <= 1
            seen += ids(page)
            if page["next"] is None:
                break
            page = await asked(client, limit=1, cursor=page["next"], **wanted)
        assert seen == whole


async def test_the_last_page_says_that_it_is_the_last_where_it_is_full(rig: Rig) -> None:
    async with rig.client(await rig.key(Scope.IMAGES_READ)) as client:
        assert (await asked(client, limit=5))["next"] is None
        assert (await asked(client, limit=4))["next"] is not None


class CountingScores(MemoryScores):
    """Counts the heads that it gives away."""

    def __init__(self) -> None:
        super().__init__()
        self.read = 0
        self.most = 0

    async def scan(self, *, after: str = "", limit: int = 500) -> tuple[ImageHead, ...]:
        found = await super().scan(after=after, limit=limit)
        self.read += len(found)
        self.most = max(self.most, len(found))
        return found


async def test_a_page_reads_so_many_and_may_have_nothing_while_there_is_more() -> None:
    rig = Rig(store=CountingScores())
    assert isinstance(rig.store, CountingScores)
    await keep(rig, "img_0", food=0.9)
    first = await rig.store.head("img_0")
    assert first
    for number in range(image_list.MOST_READ + 5):
        image = first.model_copy(update={"image_id": f"img_{number:05}"})
        await rig.store.apply(image.image_id, become(image))
    await keep(rig, "img_z", menu=0.9)
    rig.store.read = 0
    async with rig.client(await rig.key(Scope.IMAGES_READ)) as client:
        page = await asked(client, state="hidden")
        assert page["items"] == []
        assert page["next"] is not None
        assert rig.store.read == image_list.MOST_READ
        assert rig.store.most <= image_list.READ_TOGETHER
        last = await asked(client, state="hidden", cursor=page["next"])
        assert (ids(last), last["next"]) == (["img_z"], None)


async def test_a_cursor_goes_with_the_filter_that_it_was_made_for(rig: Rig) -> None:
    async with rig.client(await rig.key(Scope.IMAGES_READ)) as client:
        cursor = (await asked(client, restaurant="r1", limit=1))["next"]
        assert ids(await asked(client, restaurant="r1", limit=500, cursor=cursor)) == ["img_c", "img_e"]
        for other in ({}, {"restaurant": "r2"}, {"restaurant": "r1", "label": "food"}):
            answer = await client.get(HERE, params={**other, "cursor": cursor})
            said = problem_of(answer, 400, "cursor-mismatch")
            assert said["errors"][0]["parameter"] == "cursor"


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "none",
        cursors.written("img_a"),
        cursors.written(1, "", "", "", ""),
        base64.urlsafe_b64encode(json.dumps(["\ud800", "", "", "", ""]).encode()).decode(),
    ],
)
async def test_a_cursor_that_is_none_of_the_lists_is_refused(rig: Rig, cursor: str) -> None:
    async with rig.client(await rig.key(Scope.IMAGES_READ)) as client:
        problem_of(await client.get(HERE, params={"cursor": cursor}), 422, "invalid")


async def test_the_longest_names_come_back_in_a_cursor_that_is_taken() -> None:
    rig = Rig()
    restaurant, version = "\x01" * 200, "\U0001f35c" * 200
    for image in ("é" * 200, "ü" * 200):
        await keep(rig, image, restaurant=restaurant, version=version, food=0.9)
    async with rig.client(await rig.key(Scope.IMAGES_READ)) as client:
        wanted = {"restaurant": restaurant, "model": version, "label": "food", "state": "visible"}
        page = await asked(client, limit=1, **wanted)
        assert ids(await asked(client, cursor=page["next"], **wanted)) == ["ü" * 200]


@pytest.mark.parametrize(
    "query",
    [
        *("restaurant=", "label=", "state=", "model=", "limit=", "state=shown", "limit=0", "limit=501"),
        *("restaurants=r1", "page=2", "restaurant=r1&restaurant=r2", "state=hidden&state=hidden"),
    ],
)
async def test_parameters_that_are_empty_wrong_unknown_or_repeated_are_refused(rig: Rig, query: str) -> None:
    async with rig.client(await rig.key(Scope.IMAGES_READ)) as client:
        said = problem_of(await client.get(f"{HERE}?{query}"), 422, "invalid")
        assert said["errors"][0]["parameter"] == query.partition("=")[0]


async def test_a_label_that_the_model_has_not_is_refused_with_the_nearest(rig: Rig) -> None:
    async with rig.client(await rig.key(Scope.IMAGES_READ)) as client:
        said = problem_of(await client.get(f"{HERE}?label=ambience"), 422, "unknown-label")
        assert "did you mean ambiance?" in said["detail"]


async def test_only_a_key_that_may_read_images_is_told(rig: Rig) -> None:
    async with rig.client(await rig.key(*set(Scope) - {Scope.IMAGES_READ})) as client:
        problem_of(await client.get(HERE), 403, "forbidden")
    async with rig.client(None) as client:
        problem_of(await client.get(HERE), 401, "unauthenticated")


class UnindexedScores(MemoryScores):
    """A store that would have to look at every head."""

    async def of_restaurant(
        self, restaurant_id: str, *, topic: str | None = None, after: str = "", limit: int = 500
    ) -> tuple[ImageHead, ...]:
        asked = f"{restaurant_id}, {topic}, {after}, {limit}"
        raise ConfigurationError(f"the store lacks the index ({asked}): run `tagstream store apply`")


@pytest.mark.parametrize("path", [f"{HERE}?restaurant=r1", "/v1/restaurants/r1/ambiance"])
async def test_without_its_index_nothing_is_read_and_the_log_says_what_makes_it(
    path: str, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    rig = Rig(store=UnindexedScores())
    async with rig.client(await rig.key(Scope.IMAGES_READ)) as client:
        said = problem_of(await client.get(path), 500, "internal")
    assert "index" not in said["detail"]
    logged = caplog.text + capsys.readouterr().out
    assert "http.broken" in logged
    assert "tagstream store apply" in logged
