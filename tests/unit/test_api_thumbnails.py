"""`GET /v1/images/{id}/thumbnail`: the photograph of the tags, made small by us, or none."""

from __future__ import annotations

import asyncio
import hashlib
from io import BytesIO

import httpx
import pytest
from PIL import Image

from agents.transitions import Transitions
from console.app import api_document
from operations.thumbnails import ThumbnailBounds
from schemas.api_keys import Scope
from schemas.errors import Undecodable
from schemas.records import Content
from schemas.uploads import Location
from streams.adapters.limits import Limits
from streams.adapters.memory import AwayImages, MemoryImages
from streams.ports import StoredRendition

from .console_rig import BUCKET, Rig, problem_of
from .head_builders import IMAGE, NOW, TAGGER, claim, removed, scoring
from .test_small_jpeg import MARK, marked, photograph

HERE = f"/v1/images/{IMAGE}/thumbnail"
PHOTOGRAPH = photograph(1600, 1200)
KEY = "a.jpg"


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


async def tagged(rig: Rig, data: bytes = PHOTOGRAPH) -> Rig:
    """An image whose tags are of those bytes, which stand in storage."""
    await rig.images.put(Location(bucket=BUCKET, key=KEY), data)
    seen = scoring(claim(1), content=digest(data), menu=0.9)
    await rig.store.apply(IMAGE, Transitions(IMAGE, TAGGER, NOW).scored(seen))
    return rig


async def reader(rig: Rig) -> str:
    return await rig.key(Scope.IMAGES_READ)


@pytest.fixture
async def rig() -> Rig:
    return await tagged(Rig())


@pytest.mark.parametrize("size", [None, 128, 256, 1024])
async def test_a_photograph_is_shown_small(rig: Rig, size: int | None) -> None:
    async with rig.client(await reader(rig)) as client:
        answer = await client.get(HERE, params={"size": size} if size else {})

    side = size or 256
    image = Image.open(BytesIO(answer.content))
    assert (answer.status_code, image.format, image.size) == (200, "JPEG", (side, side * 3 // 4))
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["cache-control"] == "private, no-cache"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert "content-disposition" not in answer.headers


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
async def test_nothing_that_the_uploader_wrote_reaches_a_browser(kind: str) -> None:
    rig = await tagged(Rig(), marked(kind))
    async with rig.client(await reader(rig)) as client:
        answer = await client.get(HERE)
    assert answer.status_code == 200
    assert MARK not in answer.content
    assert not {"exif", "icc_profile", "xmp"} & Image.open(BytesIO(answer.content)).info.keys()


@pytest.mark.parametrize("size", ["0", "255", "4096", "-1", "huge", ""])
async def test_another_size_is_refused(rig: Rig, size: str) -> None:
    async with rig.client(await reader(rig)) as client:
        said = problem_of(await client.get(HERE, params={"size": size}), 422, "invalid")
    assert said["errors"][0]["parameter"] == "size"


async def test_what_a_browser_has_is_confirmed_before_anything_is_fetched(rig: Rig) -> None:
    async with rig.client(await reader(rig)) as client:
        tag = (await client.get(HERE)).headers["etag"]
        rig.images.fetched.clear()
        for condition in (tag, f"W/{tag}", f'"other", {tag}', "*"):
            answer = await client.get(HERE, headers={"If-None-Match": condition})
            assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
            assert answer.headers["cache-control"] == "private, no-cache"
        again = await client.get(HERE, params={"size": 128}, headers={"If-None-Match": tag})
        assert (again.status_code, again.headers["etag"] != tag) == (200, True)
    assert len(rig.images.fetched) == 1


async def test_a_photograph_that_was_replaced_has_another_tag(rig: Rig) -> None:
    async with rig.client(await reader(rig)) as client:
        first = (await client.get(HERE)).headers["etag"]
        other = photograph(300, 300)
        await rig.images.put(Location(bucket=BUCKET, key=KEY), other)
        seen = scoring(claim(2), content=digest(other), menu=0.9)
        await rig.store.apply(IMAGE, Transitions(IMAGE, TAGGER, NOW).scored(seen))
        answer = await client.get(HERE, headers={"If-None-Match": first})
    assert (answer.status_code, Image.open(BytesIO(answer.content)).size) == (200, (256, 256))


async def test_what_is_asked_for_again_is_not_made_again(rig: Rig) -> None:
    async with rig.client(await reader(rig)) as client:
        answers = [await client.get(HERE) for _ in range(3)]
        assert len({each.content for each in answers}) == 1
        assert (await client.get(HERE, params={"size": 128})).content != answers[0].content
    assert [side for _, side in rig.decoding.made] == [256, 128]


async def test_asked_for_by_many_at_once_it_is_made_once(rig: Rig) -> None:
    rig.decoding.allowed.clear()
    async with rig.client(await reader(rig)) as client:
        asked = [asyncio.create_task(client.get(HERE)) for _ in range(8)]
        while not rig.decoding.made:
            await asyncio.sleep(0)
        asked[0].cancel()  # whoever asked first goes away
        rig.decoding.allowed.set()
        answers = await asyncio.gather(*asked[1:])
    assert {each.status_code for each in answers} == {200}
    assert len(rig.decoding.made) == 1


async def test_the_cache_is_bounded_in_bytes() -> None:
    rig = await tagged(Rig(bounds=ThumbnailBounds(kept_bytes=1)))
    async with rig.client(await reader(rig)) as client:
        for _ in range(2):
            assert (await client.get(HERE)).status_code == 200
    assert len(rig.decoding.made) == 2


async def _many(rig: Rig, count: int) -> list[str]:
    """The paths of so many images."""
    paths = []
    for number in range(count):
        image, data = f"img_{number}", photograph(200 + number, 200)
        where = Location(bucket=BUCKET, key=f"{number}.jpg")
        await rig.images.put(where, data)
        of = claim(1).model_copy(update={"location": where})
        change = Transitions(image, TAGGER, NOW).scored(scoring(of, content=digest(data)))
        await rig.store.apply(image, change)
        paths.append(f"/v1/images/{image}/thumbnail")
    return paths


async def _in_hand(rig: Rig, asked: list[asyncio.Task[httpx.Response]], count: int) -> None:
    """Until so many are being made, and no other one begins."""
    for _ in range(200):
        await asyncio.sleep(0)
    while len(rig.decoding.made) < count:
        await asyncio.sleep(0.001)
    assert not any(each.done() for each in asked)


async def test_more_than_may_be_in_hand_are_refused_at_once_and_may_come_again() -> None:
    rig = Rig(bounds=ThumbnailBounds(in_hand=2))
    paths = await _many(rig, 3)
    rig.decoding.allowed.clear()
    async with rig.client(await reader(rig)) as client:
        asked = [asyncio.create_task(client.get(path)) for path in paths[:2]]
        await _in_hand(rig, asked, 2)
        answer = await client.get(paths[2])
        problem_of(answer, 503, "overloaded")
        assert answer.headers["retry-after"] == "1"
        rig.decoding.allowed.set()
        assert {each.status_code for each in await asyncio.gather(*asked)} == {200}
        assert (await client.get(paths[2])).status_code == 200


async def test_while_predictions_are_in_hand_one_is_made_at_a_time_and_all_are_once_they_are_not() -> None:
    rig = Rig()
    paths = await _many(rig, 3)
    rig.decoding.allowed.clear()
    async with rig.client(await reader(rig)) as client:
        with rig.service.predictor.admission.place():
            asked = [asyncio.create_task(client.get(path)) for path in paths]
            await _in_hand(rig, asked, 1)
            await asyncio.sleep(0.12)  # two looks
            assert len(rig.decoding.made) == 1
        await _in_hand(rig, asked, 3)
        rig.decoding.allowed.set()
        assert {each.status_code for each in await asyncio.gather(*asked)} == {200}


async def test_one_that_is_not_made_in_time_is_said_so() -> None:
    rig = await tagged(Rig(bounds=ThumbnailBounds(within=0.05)))
    rig.decoding.allowed.clear()
    async with rig.client(await reader(rig)) as client:
        answer = await client.get(HERE)
        problem_of(answer, 503, "deadline")
        assert answer.headers["retry-after"] == "1"
        rig.decoding.allowed.set()
        assert (await client.get(HERE)).status_code == 200


async def test_another_photograph_that_stands_there_by_now_is_never_shown(rig: Rig) -> None:
    await rig.images.put(Location(bucket=BUCKET, key=KEY), photograph(700, 500))
    async with rig.client(await reader(rig)) as client:
        said = problem_of(await client.get(HERE), 410, "photograph-gone")
    assert "another photograph" in said["detail"]
    assert rig.decoding.made == []


async def test_an_object_that_is_gone_is_said_so(rig: Rig) -> None:
    await rig.images.remove(Location(bucket=BUCKET, key=KEY))
    async with rig.client(await reader(rig)) as client:
        said = problem_of(await client.get(HERE), 410, "photograph-gone")
    assert KEY not in said["detail"]


async def test_an_image_that_was_removed_is_not_shown_though_it_was_a_moment_ago(rig: Rig) -> None:
    async with rig.client(await reader(rig)) as client:
        tag = (await client.get(HERE)).headers["etag"]
        await rig.store.apply(IMAGE, removed(claim(2, removal=True)))
        for headers in ({}, {"If-None-Match": tag}, {"If-None-Match": "*"}):
            answer = await client.get(HERE, headers=headers)
            assert "removed" in problem_of(answer, 410, "photograph-gone")["detail"]
            assert answer.headers["cache-control"] == "no-store"


async def test_one_that_was_removed_before_it_was_scored_has_no_photograph() -> None:
    rig = Rig()
    await rig.store.apply(IMAGE, removed(claim(1, removal=True)))
    async with rig.client(await reader(rig)) as client:
        problem_of(await client.get(HERE), 410, "photograph-gone")


async def test_one_that_the_store_does_not_know_is_not_found(rig: Rig) -> None:
    async with rig.client(await reader(rig)) as client:
        problem_of(await client.get("/v1/images/img_nobody/thumbnail"), 404, "not-found")


async def test_the_version_that_was_announced_is_shown_though_a_newer_one_stands() -> None:
    rig = Rig()
    where = Location(bucket=BUCKET, key=KEY, version="v1")
    await rig.images.put(where, PHOTOGRAPH)
    await rig.images.put(Location(bucket=BUCKET, key=KEY, version="v2"), photograph(90, 90))
    of = claim(1).model_copy(update={"location": where})
    change = Transitions(IMAGE, TAGGER, NOW).scored(scoring(of, content=digest(PHOTOGRAPH)))
    await rig.store.apply(IMAGE, change)
    async with rig.client(await reader(rig)) as client:
        answer = await client.get(HERE)
    assert Image.open(BytesIO(answer.content)).size == (256, 192)


@pytest.mark.parametrize("path", ["", "?size=1024"])
async def test_only_a_key_that_may_read_images_is_shown_one(rig: Rig, path: str) -> None:
    async with rig.client(await rig.key(Scope.PREDICT, Scope.BATCH, Scope.REVIEW, Scope.ADMIN)) as client:
        problem_of(await client.get(f"{HERE}{path}"), 403, "forbidden")
    async with rig.client(None) as client:
        problem_of(await client.get(f"{HERE}{path}"), 401, "unauthenticated")


async def test_a_storage_that_is_away_is_said_so() -> None:
    rig = await tagged(Rig(images=AwayImages(Limits(buckets=(BUCKET,)), times=1)))
    async with rig.client(await reader(rig)) as client:
        answer = await client.get(HERE)
    problem_of(answer, 503, "unavailable")
    assert answer.headers["retry-after"] == "5"


async def test_a_bucket_that_is_off_the_allow_list_by_now_is_not_read() -> None:
    images = MemoryImages(Limits(buckets=("others",)))
    images.objects[BUCKET, KEY] = PHOTOGRAPH
    rig = Rig(images=images)
    change = Transitions(IMAGE, TAGGER, NOW).scored(scoring(claim(1), content=digest(PHOTOGRAPH)))
    await rig.store.apply(IMAGE, change)
    async with rig.client(await reader(rig)) as client:
        problem_of(await client.get(HERE), 403, "bucket-not-allowed")


def bomb() -> bytes:
    target = BytesIO()
    Image.new("1", (9_500, 9_500)).save(target, "PNG")
    return target.getvalue()


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (bomb(), 422, "decompression-bomb"),
        (photograph(800, 600)[:5_000], 422, "undecodable"),
        (b"\xff\xd8\xff\xe0 not a photograph", 422, "undecodable"),
        (b"GIF89a<script>alert(1)</script>", 422, "undecodable"),
        (b"<html><script>alert(1)</script></html>", 415, "unsupported-image"),
        (b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', 415, "unsupported-image"),
    ],
)
async def test_hostile_bytes_are_refused_as_they_are_for_predictions(
    data: bytes, status: int, code: str
) -> None:
    rig = await tagged(Rig(), data)
    async with rig.client(await reader(rig)) as client:
        answer = await client.get(HERE)
        problem_of(answer, status, code)
        assert b"script" not in answer.content
        problem_of(await client.get(HERE), status, code)  # what is refused is not kept for an answer


class OneRendition:
    """Where one small photograph stands."""

    def __init__(self, content: Content, data: bytes, side: int = 320) -> None:
        self.content = content
        self.data = data
        self.side = side
        self.complaints: list[object] = []

    async def find(self, content: Content, *, side: int) -> StoredRendition | None:
        """See `RenditionReads.find`."""
        is_here = content.digest == self.content.digest and side <= self.side
        return StoredRendition(self.data, "jpeg-320-q90-r1", digest(self.data)) if is_here else None

    def damaged(self, content: Content, why: object) -> None:
        """See `RenditionReads.damaged`."""
        assert content.digest == self.content.digest
        self.complaints.append(why)


async def test_a_rendition_with_enough_pixels_is_read_in_place_of_the_photograph() -> None:
    small = photograph(427, 320)
    kept = OneRendition(Content(digest=digest(PHOTOGRAPH), size=1), small)
    rig = await tagged(Rig(renditions=kept))
    async with rig.client(await reader(rig)) as client:
        assert (await client.get(HERE)).status_code == 200
        assert rig.images.fetched == []
        assert rig.decoding.made == [(small, 256)]
        large = await client.get(HERE, params={"size": 1024})
        assert Image.open(BytesIO(large.content)).size == (1024, 768)
    assert [data for data, _ in rig.decoding.made] == [small, PHOTOGRAPH]


async def test_a_rendition_that_cannot_be_decoded_is_said_and_the_photograph_is_read() -> None:
    kept = OneRendition(Content(digest=digest(PHOTOGRAPH), size=1), b"\xff\xd8\xff broken")
    rig = await tagged(Rig(renditions=kept))
    async with rig.client(await reader(rig)) as client:
        assert (await client.get(HERE)).status_code == 200
    assert [type(each) for each in kept.complaints] == [Undecodable]
    assert len(rig.images.fetched) == 1


def test_it_is_described_as_a_picture() -> None:
    said = api_document()["paths"]["/v1/images/{image_id}/thumbnail"]["get"]["responses"]
    assert set(said["200"]["content"]) == {"image/jpeg"}
    assert {"304", "404", "410", "422", "503"} <= said.keys()
