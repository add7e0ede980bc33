"""`POST /v1/images`: a photograph is put where nothing stands, or found where it stands, and announced."""

from __future__ import annotations

from typing import Any

import pytest

from schemas import identity
from schemas.api_keys import Scope
from schemas.uploads import Location

from .console_rig import BUCKET, Rig, image, problem_of

PATH = "/v1/images"
WHERE = {"bucket": BUCKET, "key": "r1/table.jpg"}
PHOTOGRAPH = b"a photograph"
HELD = (BUCKET, "r1/table.jpg")


@pytest.fixture
def rig() -> Rig:
    return Rig()


async def test_a_photograph_that_is_sent_is_put_and_announced(rig: Rig) -> None:
    async with rig.client() as client:
        named = {**WHERE, "restaurant_id": "r1", "uploader_id": "ann"}
        answer = await client.post(PATH, params=named, files=image(PHOTOGRAPH))

    said = answer.json()
    (event,) = rig.uploads.events
    assert answer.status_code == 202
    assert rig.images.objects[HELD] == PHOTOGRAPH
    assert rig.images.metadata[HELD]["restaurant-id"] == "r1"
    assert said["image_id"] == event.image_id == identity.image_id(BUCKET, "r1/table.jpg")
    assert answer.headers["location"] == said["links"]["self"] == f"{PATH}/{event.image_id}"
    assert (event.restaurant_id, event.uploader_id) == ("r1", "ann")
    assert event.location.etag == (await _etag(rig))


async def _etag(rig: Rig) -> str | None:
    facts = await rig.images.facts(Location(bucket=BUCKET, key="r1/table.jpg"))
    return facts.etag if facts else None


async def test_a_photograph_that_stands_there_is_announced(rig: Rig) -> None:
    body = await rig.put("r1/table.jpg", PHOTOGRAPH)
    async with rig.client() as client:
        answer = await client.post(PATH, json=body | {"restaurant_id": "r1"})

    (event,) = rig.uploads.events
    assert answer.status_code == 202
    assert (event.location.key, event.restaurant_id) == ("r1/table.jpg", "r1")
    assert event.location.etag == (await _etag(rig))


async def test_what_stands_there_is_never_replaced(rig: Rig) -> None:
    await rig.put("r1/table.jpg", b"another photograph")
    async with rig.client() as client:
        problem_of(await client.post(PATH, params=WHERE, files=image(PHOTOGRAPH)), 409, "key-taken")
    assert rig.images.objects[HELD] == b"another photograph"
    assert rig.uploads.events == []


async def test_the_same_photograph_sent_again_is_announced_again_and_under_one_key_as_the_same_event(
    rig: Rig,
) -> None:
    async with rig.client() as client:
        for _ in range(2):
            answer = await client.post(
                PATH, params=WHERE, files=image(PHOTOGRAPH), headers={"Idempotency-Key": "one"}
            )
            assert answer.status_code == 202
    assert len({each.event_id for each in rig.uploads.events}) == 1


async def test_what_is_no_photograph_is_refused_before_it_is_put(rig: Rig) -> None:
    async with rig.client() as client:
        answer = await client.post(PATH, params=WHERE, files=image(b"broken"))
        problem_of(answer, 422, "undecodable")
    assert rig.images.objects == {}
    assert rig.uploads.events == []


async def test_an_object_that_is_not_there_is_not_announced(rig: Rig) -> None:
    async with rig.client() as client:
        answer = await client.post(PATH, json={"location": WHERE})
        problem_of(answer, 422, "object-gone")
    assert rig.uploads.events == []


async def test_buckets_off_the_allow_list_are_neither_written_to_nor_announced(rig: Rig) -> None:
    other = {**WHERE, "bucket": "secrets"}
    async with rig.client() as client:
        sent = await client.post(PATH, params=other, files=image(PHOTOGRAPH))
        problem_of(sent, 403, "bucket-not-allowed")
        problem_of(await client.post(PATH, json={"location": other}), 403, "bucket-not-allowed")
    assert rig.images.objects == {}


@pytest.mark.parametrize("missing", ["bucket", "key"])
async def test_a_form_says_where_the_photograph_is_to_stand(rig: Rig, missing: str) -> None:
    given = {name: value for name, value in WHERE.items() if name != missing}
    async with rig.client() as client:
        answer = await client.post(PATH, params=given, files=image(PHOTOGRAPH))
    assert problem_of(answer, 422, "invalid")["errors"][0]["parameter"] == missing


async def test_with_json_the_body_alone_says_where_it_stands(rig: Rig) -> None:
    body = await rig.put("r1/table.jpg", PHOTOGRAPH)
    async with rig.client() as client:
        answer = await client.post(PATH, json=body, params={"bucket": "photos"})
    assert problem_of(answer, 422, "invalid")["errors"][0]["parameter"] == "bucket"


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"location": {"bucket": BUCKET}}, "/location/key"),
        ({"restaurant_id": ""}, "/restaurant_id"),
        ({"url": "https://example.org/a.jpg"}, "/url"),
    ],
)
async def test_a_wrong_field_is_told_by_its_pointer(rig: Rig, changed: dict[str, Any], pointer: str) -> None:
    async with rig.client() as client:
        said = problem_of(await client.post(PATH, json={"location": WHERE} | changed), 422, "invalid")
    assert pointer in [each["pointer"] for each in said["errors"]]


async def test_a_broker_that_is_away_is_told_and_the_next_try_finds_the_photograph_there(rig: Rig) -> None:
    async with rig.client() as client:
        rig.uploads.is_away = True
        answer = await client.post(PATH, params=WHERE, files=image(PHOTOGRAPH))
        assert problem_of(answer, 503, "unavailable")["detail"] == "broker is away"
        rig.uploads.is_away = False
        again = await client.post(PATH, params=WHERE, files=image(PHOTOGRAPH))
        assert again.status_code == 202
    assert len(rig.uploads.events) == 1


async def test_only_a_key_that_may_send_photographs_uploads(rig: Rig) -> None:
    async with rig.client(await rig.key(Scope.IMAGES_READ, Scope.BATCH)) as client:
        problem_of(await client.post(PATH, params=WHERE, files=image(PHOTOGRAPH)), 403, "forbidden")
    assert rig.images.objects == {}
