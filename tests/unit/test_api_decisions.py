"""`POST /v1/decisions`: each against the revision that was looked at, published once; the wrong ones told."""

from __future__ import annotations

from typing import Any

import pytest

from agents.transitions import Transitions
from schemas.api_keys import Scope
from schemas.decisions import Decided, Decision, ModerationDecided

from .console_rig import Rig, problem_of
from .head_builders import NOW, TAGGER, claim, scoring
from .test_audit_trail import record

IMAGES = ("img_a", "img_b", "img_c")
PATH = "/v1/decisions"
BYTES = "0a" * 32


@pytest.fixture
async def rig() -> Rig:
    """A store with three images, each of which the model takes for a menu."""
    made = Rig()
    for image in IMAGES:
        seen = scoring(claim(1, restaurant="r1"), content=BYTES, menu=0.9)
        kept = record(seen).model_copy(update={"image_id": image})
        await made.store.apply(image, Transitions(image, TAGGER, NOW).scored(seen), kept)
    return made


async def revision(rig: Rig, image: str = "img_a") -> int:
    head = await rig.store.head(image)
    assert head
    return head.revision


async def asked(rig: Rig, image: str = "img_a", action: str = "approve", **said: Any) -> dict[str, Any]:
    return {"image_id": image, "action": action, "revision": await revision(rig, image)} | said


async def applied(rig: Rig, event: ModerationDecided) -> None:
    """A worker has read it."""
    change = Transitions(event.image_id, TAGGER, NOW).decided(Decision.of(event, 0, 1))
    await rig.store.apply(event.image_id, change)


async def test_decisions_are_published_as_the_key_has_made_them(rig: Rig) -> None:
    body = {
        "decisions": [
            await asked(rig, "img_a"),
            await asked(rig, "img_b", "correct", labels=["food"], unsure=["menu"], comment="a plate"),
        ]
    }
    async with rig.client(await rig.key(Scope.REVIEW)) as client:
        answer = await client.post(PATH, json=body)

    said = answer.json()["results"]
    assert answer.status_code == 202
    assert [(each["image_id"], each["status"]) for each in said] == [
        ("img_a", "accepted"),
        ("img_b", "accepted"),
    ]
    first, second = rig.sink.events
    assert [each["decision_id"] for each in said] == [first.event_id, second.event_id]
    assert (first.action, first.decided_by, first.content_digest) == (Decided.APPROVE, "test", BYTES)
    assert (second.labels, second.unsure, second.comment) == (("food",), ("menu",), "a plate")


async def test_who_has_decided_may_be_somebody_whom_the_program_names(rig: Rig) -> None:
    body = {"decided_by": "ann", "decisions": [await asked(rig)]}
    async with rig.client(await rig.key(Scope.REVIEW)) as client:
        await client.post(PATH, json=body)
    assert [each.decided_by for each in rig.sink.events] == ["ann"]


async def test_an_image_that_has_changed_since_is_not_decided_on_and_the_others_are(rig: Rig) -> None:
    old = await asked(rig, "img_a")
    seen = scoring(claim(2, restaurant="r1"), content=BYTES, food=0.9)
    await rig.store.apply("img_a", Transitions("img_a", TAGGER, NOW).scored(seen))
    async with rig.client(await rig.key(Scope.REVIEW)) as client:
        answer = await client.post(PATH, json={"decisions": [old, await asked(rig, "img_b")]})

    stale, fresh = answer.json()["results"]
    assert (stale["status"], stale["problem"]["type"]) == ("rejected", "/problems/stale-revision")
    assert stale["problem"]["status"] == 412
    assert fresh["status"] == "accepted"
    assert [each.image_id for each in rig.sink.events] == ["img_b"]


async def test_if_match_is_the_revision_of_those_that_say_none(rig: Rig) -> None:
    body = {"decisions": [{"image_id": "img_a", "action": "reject"}]}
    async with rig.client(await rig.key(Scope.REVIEW)) as client:
        problem_of(await client.post(PATH, json=body), 428, "revision-required")
        problem_of(await client.post(PATH, json=body, headers={"If-Match": "*"}), 400, "malformed")
        stale = await client.post(PATH, json=body, headers={"If-Match": '"999"'})
        assert stale.json()["results"][0]["status"] == "rejected"
        taken = await client.post(PATH, json=body, headers={"If-Match": f'"{await revision(rig)}"'})
        assert taken.json()["results"][0]["status"] == "accepted"


async def test_the_same_request_under_one_key_is_one_event_before_and_after_it_holds(rig: Rig) -> None:
    body, again = {"decisions": [await asked(rig)]}, {"Idempotency-Key": "page-7"}
    async with rig.client(await rig.key(Scope.REVIEW)) as client:
        first = (await client.post(PATH, json=body, headers=again)).json()
        second = (await client.post(PATH, json=body, headers=again)).json()
        assert first == second
        assert {each.event_id for each in rig.sink.events} == {first["results"][0]["decision_id"]}

        await applied(rig, rig.sink.events[0])
        published = len(rig.sink.events)
        assert (await client.post(PATH, json=body, headers=again)).json() == first
        assert len(rig.sink.events) == published


async def test_without_an_idempotency_key_two_decisions_are_two(rig: Rig) -> None:
    body = {"decisions": [await asked(rig)]}
    async with rig.client(await rig.key(Scope.REVIEW)) as client:
        await client.post(PATH, json=body)
        await client.post(PATH, json=body)
    assert len({each.event_id for each in rig.sink.events}) == 2


async def test_unknown_images_and_labels_are_told_beside_the_others(rig: Rig) -> None:
    body = {
        "decisions": [
            {"image_id": "img_nobody", "action": "approve", "revision": 1},
            await asked(rig, "img_a", "correct", labels=["fod"]),
            await asked(rig, "img_b"),
        ]
    }
    async with rig.client(await rig.key(Scope.REVIEW)) as client:
        results = (await client.post(PATH, json=body)).json()["results"]
    assert [each.get("problem", {}).get("type") for each in results] == [
        "/problems/object-gone",
        "/problems/unknown-label",
        None,
    ]
    assert "food" in results[1]["problem"]["detail"]


async def test_a_broker_that_is_away_is_told_by_its_name_and_opened_when_it_is_back(rig: Rig) -> None:
    body = {"decisions": [await asked(rig)]}
    async with rig.client(await rig.key(Scope.REVIEW)) as client:
        rig.sink.is_away = True
        said = problem_of(await client.post(PATH, json=body), 503, "unavailable")
        assert said["detail"] == "broker is away"
        rig.sink.is_away = False
        assert (await client.post(PATH, json=body)).status_code == 202
    assert rig.sink.is_open
    await rig.outbox.close()
    assert not rig.sink.is_open


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"action": "like"}, "/decisions/0/action"),
        ({"action": "correct"}, "/decisions/0"),
        ({"labels": ["menu"]}, "/decisions/0"),
        ({"colour": 1}, "/decisions/0/colour"),
        ({"revision": -1}, "/decisions/0/revision"),
        ({"image_id": ""}, "/decisions/0/image_id"),
    ],
)
async def test_a_wrong_decision_is_told_by_its_pointer(
    rig: Rig, changed: dict[str, Any], pointer: str
) -> None:
    body = {"decisions": [await asked(rig, **changed)] if "image_id" not in changed else [changed]}
    async with rig.client(await rig.key(Scope.REVIEW)) as client:
        said = problem_of(await client.post(PATH, json=body), 422, "invalid")
    assert pointer in [each["pointer"] for each in said["errors"]]
    assert rig.sink.events == []


async def test_one_image_twice_none_at_all_and_more_than_500_are_refused(rig: Rig) -> None:
    one = await asked(rig)
    async with rig.client(await rig.key(Scope.REVIEW)) as client:
        for decisions in ([one, one], [], [one | {"image_id": f"img_{each}"} for each in range(501)]):
            problem_of(await client.post(PATH, json={"decisions": decisions}), 422, "invalid")
    assert rig.sink.events == []


async def test_only_a_key_that_may_review_decides(rig: Rig) -> None:
    async with rig.client(await rig.key(Scope.IMAGES_READ, Scope.PREDICT)) as client:
        problem_of(await client.post(PATH, json={"decisions": [await asked(rig)]}), 403, "forbidden")
    assert rig.sink.events == []
