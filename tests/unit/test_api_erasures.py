"""`DELETE /v1/images/{id}`: an image is erased when it answers, whoever goes away meanwhile."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from agents.transitions import Transitions, acknowledged
from operations import erasure_desk
from operations.erasure_receipt import Receipt, ReceiptState, hashed
from schemas import topics
from schemas.api_keys import Scope
from schemas.errors import Unavailable
from schemas.events import Announcement
from schemas.records import ImageHead
from schemas.uploads import Location
from streams.adapters.memory import MemoryTags

from .console_rig import BUCKET, Rig, problem_of
from .head_builders import NOW, TAGGER, claim, scoring
from .test_api_thumbnails import PHOTOGRAPH, digest
from .test_audit_trail import record

IMAGE = "img_secret"
HERE = f"/v1/images/{IMAGE}"
WHERE = Location(bucket=BUCKET, key="secret-folder/a.jpg")
SECRETS = ("secret-folder", "secret-uploader", "secret-restaurant", digest(PHOTOGRAPH))


async def known(rig: Rig, image_id: str = IMAGE) -> Rig:
    """A photograph of a menu that was announced, and stands in storage."""
    await rig.images.put(WHERE, PHOTOGRAPH)
    said = claim(1, restaurant="secret-restaurant")
    said = said.model_copy(update={"location": WHERE, "uploader_id": "secret-uploader"})
    seen = scoring(said, content=digest(PHOTOGRAPH), menu=0.9)
    change = Transitions(image_id, TAGGER, NOW).scored(seen)
    kept = await rig.store.apply(image_id, change, record(seen).model_copy(update={"image_id": image_id}))
    await rig.store.keep_statements(kept.head.statements)
    await rig.store.apply(image_id, acknowledged(kept.head))
    return rig


async def head_of(rig: Rig, image_id: str = IMAGE) -> ImageHead:
    head = await rig.store.head(image_id)
    assert head is not None
    return head


@pytest.fixture
async def rig() -> Rig:
    return await known(Rig())


async def admin(rig: Rig) -> str:
    return await rig.key(Scope.ADMIN, Scope.IMAGES_READ)


async def test_an_image_is_erased_and_told_when_it_answers(rig: Rig) -> None:
    async with rig.client(await admin(rig)) as client:
        answer = await client.delete(HERE)

    said = answer.json()
    receipt = Receipt.model_validate(said["receipt"])
    (line,) = receipt.images
    assert (answer.status_code, receipt.state, receipt.run_by) == (200, ReceiptState.FINISHED, "test")
    assert receipt.digest == receipt.expected_digest
    assert (line.image, line.outcome, line.scores) == (hashed(IMAGE), "erased", 1)
    assert line.events == {topics.MODERATION: 1, topics.LATEST: 1}
    assert said["standing"] == [str(WHERE)]
    head = await head_of(rig)
    assert (head.is_erased, head.is_announced) == (True, True)
    assert await rig.store.records(IMAGE) == ()
    assert rig.tags.on(topics.LATEST)[-1].event is None
    assert rig.images.objects[WHERE.bucket, WHERE.key] == PHOTOGRAPH  # unless it is asked for


async def test_with_its_object_nothing_stands_in_storage_any_more(rig: Rig) -> None:
    async with rig.client(await admin(rig)) as client:
        said = (await client.delete(HERE, params={"objects": "true"})).json()
    assert rig.images.objects == {}
    assert (said["standing"], said["receipt"]["images"][0]["versions_deleted"]) == ([], 1)


async def test_the_receipt_names_neither_the_image_nor_anybody(rig: Rig) -> None:
    async with rig.client(await admin(rig)) as client:
        text = json.dumps((await client.delete(HERE)).json()["receipt"])
    assert not [word for word in (IMAGE, *SECRETS) if word in text]


async def test_sent_again_it_ends_the_same(rig: Rig) -> None:
    async with rig.client(await admin(rig)) as client:
        first, again = [(await client.delete(HERE)).json()["receipt"]["images"][0] for _ in range(2)]
    assert (first["outcome"], again["outcome"]) == ("erased", "already erased")
    assert first["erased_at"] == again["erased_at"]
    assert len(rig.tags.announced) == 2


@pytest.mark.parametrize("path", ["", "/why", "/scores", "/statements"])
async def test_what_is_asked_afterwards_says_that_it_was_erased_and_nothing_else(rig: Rig, path: str) -> None:
    async with rig.client(await admin(rig)) as client:
        before = (await client.get(f"{HERE}{path}")).text
        assert [word for word in SECRETS if word in before]
        await client.delete(HERE)
        answer = await client.get(f"{HERE}{path}")
    assert answer.status_code == 200
    assert not [word for word in SECRETS if word in answer.text]


async def test_an_erased_image_is_deleted_without_tags_and_lies_nowhere(rig: Rig) -> None:
    async with rig.client(await admin(rig)) as client:
        await client.delete(HERE)
        image = (await client.get(HERE)).json()
        assert (image["state"], image["tags"], image["routes"], image["model"]) == ("deleted", [], [], None)
        assert (image["location"]["bucket"], image["restaurant_id"]) == ("erased", None)
        why = (await client.get(f"{HERE}/why")).json()
        assert (why["is_erased"], why["content"], why["decision"]) == (True, None, None)
        assert [each["uploader_id"] for each in why["claims"]] == [None]
        assert (await client.get(f"{HERE}/scores")).json() == {"items": []}


async def test_its_thumbnail_is_gone_and_no_longer_in_memory(rig: Rig) -> None:
    async with rig.client(await admin(rig)) as client:
        tag = (await client.get(f"{HERE}/thumbnail")).headers["etag"]
        await client.delete(HERE)
        answer = await client.get(f"{HERE}/thumbnail", headers={"If-None-Match": tag})
        assert "erased" in problem_of(answer, 410, "photograph-gone")["detail"]
        await known(rig, "img_of_the_same_bytes")
        assert (await client.get("/v1/images/img_of_the_same_bytes/thumbnail")).status_code == 200
    assert len(rig.decoding.made) == 2


async def test_an_image_that_the_store_does_not_know_is_not_found(rig: Rig) -> None:
    async with rig.client(await admin(rig)) as client:
        problem_of(await client.delete("/v1/images/img_nobody"), 404, "not-found")
    assert await rig.store.head("img_nobody") is None


async def test_what_still_waits_in_a_topic_finds_the_tombstone_where_that_is_meant(rig: Rig) -> None:
    async with rig.client(await admin(rig)) as client:
        answer = await client.delete("/v1/images/img_later", params={"unseen": "true"})
    assert answer.json()["receipt"]["images"][0]["outcome"] == "erased"
    assert (await head_of(rig, "img_later")).is_erased


@pytest.mark.parametrize("query", [{"objects": "perhaps"}, {"unseen": "2"}, {"by": "ann"}])
async def test_a_wrong_parameter_erases_nothing(rig: Rig, query: dict[str, str]) -> None:
    async with rig.client(await admin(rig)) as client:
        problem_of(await client.delete(HERE, params=query), 422, "invalid")
        problem_of(await client.delete(f"/v1/images/{'x' * 201}", params={"unseen": "1"}), 422, "invalid")
    assert not (await head_of(rig)).is_erased


async def test_only_an_admins_key_erases(rig: Rig) -> None:
    others = [each for each in Scope if each is not Scope.ADMIN]
    async with rig.client(await rig.key(*others)) as client:
        problem_of(await client.delete(HERE), 403, "forbidden")
    async with rig.client(None) as client:
        problem_of(await client.delete(HERE), 401, "unauthenticated")
    assert not (await head_of(rig)).is_erased


class Refusing:
    """Storage that lets nobody delete, until it does."""

    async def standing(self, location: Location) -> int:
        """See `ObjectVersions.standing`."""
        raise Unavailable("s3", f"AccessDenied: {location} at http://storage.internal")

    async def delete(self, location: Location) -> int:
        """See `ObjectVersions.delete`."""
        return await self.standing(location)


async def test_an_object_that_cannot_be_deleted_is_said_nothing_is_lost_and_it_may_be_sent_again(
    rig: Rig,
) -> None:
    rig.versions_of_objects = Refusing()
    async with rig.client(await admin(rig)) as client:
        answer = await client.delete(HERE, params={"objects": "true"})
        said = problem_of(answer, 503, "not-erased")
        assert said["detail"].startswith("its object cannot be deleted, and nothing was erased")
        assert not [word for word in ("internal", *SECRETS) if word in answer.text]
        assert answer.headers["retry-after"] == "5"
        assert not (await head_of(rig)).is_erased
        assert len(await rig.store.records(IMAGE)) == 1
        rig.versions_of_objects = rig.images
        assert (await client.delete(HERE, params={"objects": "true"})).status_code == 200
    assert (await head_of(rig)).is_erased
    assert rig.images.objects == {}


async def test_a_storage_that_is_away_holds_up_no_erasure_of_what_is_not_to_be_deleted_there(
    rig: Rig,
) -> None:
    rig.versions_of_objects = Refusing()
    async with rig.client(await admin(rig)) as client:
        said = (await client.delete(HERE)).json()
    assert said["receipt"]["images"][0]["versions_standing"] is None
    assert said["standing"] == [str(WHERE)]


class HeldTags(MemoryTags):
    """A topic that lets nothing through until it is allowed, or is away."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting = 0
        self.allowed = asyncio.Event()
        self.is_away = False

    async def announce(self, announcements: Sequence[Announcement]) -> None:
        """See `TagPublisher.announce`."""
        if self.is_away:
            raise Unavailable("broker")
        self.waiting += 1
        await self.allowed.wait()
        await super().announce(announcements)


@pytest.fixture
async def held() -> tuple[Rig, HeldTags]:
    tags = HeldTags()
    return await known(Rig(tags=tags)), tags


async def _begun(tags: HeldTags, count: int = 1) -> None:
    while tags.waiting < count:
        await asyncio.sleep(0)


async def test_whoever_goes_away_stops_no_erasure_halfway(held: tuple[Rig, HeldTags]) -> None:
    rig, tags = held
    async with rig.client(await admin(rig)) as client:
        asked = asyncio.create_task(client.delete(HERE))
        await _begun(tags)
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
        assert (await head_of(rig)).is_half_erased
        asyncio.get_running_loop().call_soon(tags.allowed.set)  # while the server already ends
    head = await head_of(rig)
    assert (head.is_erased, head.is_announced) == (True, True)
    assert tags.on(topics.LATEST)[-1].event is None


async def test_one_that_was_cut_off_is_finished_by_the_next_one(held: tuple[Rig, HeldTags]) -> None:
    rig, tags = held
    tags.is_away = True
    async with rig.client(await admin(rig)) as client:
        answer = await client.delete(HERE)
        assert problem_of(answer, 503, "unavailable")["detail"] == "broker is away"
        assert (await head_of(rig)).is_half_erased
        tags.is_away = False
        tags.allowed.set()
        again = (await client.delete(HERE)).json()["receipt"]
    assert (again["state"], again["images"][0]["outcome"]) == ("finished", "finished")
    assert (await head_of(rig)).is_announced


async def test_two_are_in_hand_at_once_and_another_one_is_to_come_again(held: tuple[Rig, HeldTags]) -> None:
    rig, tags = held
    await known(rig, "img_second")
    await known(rig, "img_third")
    async with rig.client(await admin(rig)) as client:
        asked = [asyncio.create_task(client.delete(path)) for path in (HERE, "/v1/images/img_second")]
        await _begun(tags, erasure_desk.AT_ONCE)
        answer = await client.delete("/v1/images/img_third")
        problem_of(answer, 503, "overloaded")
        assert answer.headers["retry-after"] == "1"
        tags.allowed.set()
        answers: list[httpx.Response] = await asyncio.gather(*asked)
        assert {each.status_code for each in answers} == {200}
        assert (await client.delete("/v1/images/img_third")).status_code == 200


async def test_the_log_has_the_key_and_the_image_by_its_hash_alone(rig: Rig) -> None:
    with capture_logs() as logged:
        async with rig.client(await admin(rig)) as client:
            await client.delete(HERE)
            rig.versions_of_objects = Refusing()
            await known(rig, "img_secret_too")
            await client.delete("/v1/images/img_secret_too", params={"objects": "1"})
    done, failed = [each for each in logged if each["event"].startswith("erasure.")]
    (key,) = await rig.store.keys()
    expected: dict[str, Any] = {"key": key.id, "image": hashed(IMAGE), "outcome": "erased", "objects": False}
    assert expected.items() <= done.items()
    assert (failed["image"], failed["cause"]) == (hashed("img_secret_too"), "NotErased")
    assert not [word for word in ("img_secret", *SECRETS) if word in str(logged)]
