"""`/v1/images/{id}`: what holds of an uploaded photograph, why, its scores and its statements of reasons."""

from __future__ import annotations

import pytest

from agents.transitions import Transitions
from operations import audit_trail
from schemas import topics
from schemas.api_keys import Scope
from schemas.decisions import Decided

from .console_rig import Rig, problem_of
from .head_builders import IMAGE, NOW, TAGGER, claim, decision, scoring
from .test_audit_trail import record

HERE = f"/v1/images/{IMAGE}"
PATHS = ("", "/why", "/scores", "/statements")


@pytest.fixture
async def rig() -> Rig:
    """A store with one image, which the model takes for a menu."""
    made = Rig()
    for version, menu in (("1", 0.9), ("2", 0.95)):
        seen = scoring(claim(1, restaurant="r1"), version=version, menu=menu)
        change = Transitions(IMAGE, TAGGER, NOW).scored(seen)
        kept = await made.store.apply(IMAGE, change, record(seen).model_copy(update={"image_id": IMAGE}))
        await made.store.keep_statements(kept.head.statements)
    return made


async def test_an_image_is_shown_as_it_holds_now(rig: Rig) -> None:
    async with rig.client(await rig.key(Scope.IMAGES_READ)) as client:
        answer = await client.get(HERE)

        said = answer.json()
        assert answer.status_code == 200
        assert (said["image_id"], said["state"], said["restaurant_id"]) == (IMAGE, "hidden", "r1")
        assert [tag["label"] for tag in said["tags"] if tag["tagged"]] == ["menu"]
        assert said["routes"] == [topics.MODERATION]
        assert (said["model"]["version"], said["is_decided"]) == ("2", False)
        assert answer.headers["etag"] == f'"{said["revision"]}"'


async def test_a_persons_decision_is_said_to_hold(rig: Rig) -> None:
    decided = decision(2, Decided.APPROVE)
    await rig.store.apply(IMAGE, Transitions(IMAGE, TAGGER, NOW).decided(decided))
    async with rig.client(await rig.key(Scope.IMAGES_READ)) as client:
        said = (await client.get(HERE)).json()
        assert (said["is_decided"], said["state"]) == (True, "visible")


async def test_why_is_the_trail_that_the_command_line_shows(rig: Rig) -> None:
    head = await rig.store.head(IMAGE)
    assert head
    async with rig.client(await rig.key(Scope.IMAGES_READ)) as client:
        said = (await client.get(f"{HERE}/why")).json()
    trail = audit_trail.follow(head, await rig.store.records(IMAGE))
    assert said == trail.model_dump(mode="json")


async def test_every_score_is_listed_the_oldest_first(rig: Rig) -> None:
    async with rig.client(await rig.key(Scope.IMAGES_READ)) as client:
        said = (await client.get(f"{HERE}/scores")).json()["items"]
    assert sorted(each["scores"]["model"]["version"] for each in said) == ["1", "2"]
    assert [each["scored_at"] for each in said] == sorted(each["scored_at"] for each in said)


async def test_statements_of_reasons_are_listed(rig: Rig) -> None:
    async with rig.client(await rig.key(Scope.IMAGES_READ)) as client:
        said = (await client.get(f"{HERE}/statements")).json()["items"]
    assert [each["puid"] for each in said] == [each.puid for each in await rig.store.statements_of(IMAGE)]
    assert said


@pytest.mark.parametrize("path", PATHS)
async def test_an_image_that_the_store_does_not_know_is_not_found(rig: Rig, path: str) -> None:
    async with rig.client(await rig.key(Scope.IMAGES_READ)) as client:
        problem_of(await client.get(f"/v1/images/img_nobody{path}"), 404, "not-found")


@pytest.mark.parametrize("path", PATHS)
async def test_only_a_key_that_may_read_images_is_told(rig: Rig, path: str) -> None:
    async with rig.client(await rig.key(Scope.PREDICT, Scope.BATCH, Scope.REVIEW)) as client:
        problem_of(await client.get(f"{HERE}{path}"), 403, "forbidden")
    async with rig.client(None) as client:
        problem_of(await client.get(f"{HERE}{path}"), 401, "unauthenticated")
