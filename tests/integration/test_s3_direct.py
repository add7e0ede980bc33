"""Reads past botocore are asked for as botocore asks, and it stays in charge of all that goes wrong."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from schemas.errors import Gone, Unavailable
from schemas.uploads import Location
from streams.adapters.s3 import direct
from streams.adapters.s3.images import S3Images
from streams.adapters.s3.settings import S3Settings
from tests.integration.http_server import Answer, Request, serving

PHOTO = Location(bucket="photos", key="r1/a.jpg")
OF_THE_MOMENT = frozenset({"x-amz-date", "authorization"})
BY_BOTOCORE = frozenset({"amz-sdk-invocation-id", "amz-sdk-request"})
ABROAD = "eu-central-1"


class Storage:
    """Gives the object, or answers as `answer` says, and remembers what it was asked."""

    def __init__(self) -> None:
        self.answer = Answer(200, b"jpeg")
        self.asked: list[Request] = []

    def __call__(self, request: Request) -> Answer:
        self.asked.append(request)
        return self.answer

    def long_ways(self) -> list[bool]:
        """Of each request, whether the whole of botocore made it."""
        return [bool(BY_BOTOCORE & each.headers.keys()) for each in self.asked]


def settings(address: str) -> S3Settings:
    said = {"endpoint_url": f"http://{address}", "access_key_id": "a", "secret_access_key": "b"}
    return S3Settings.model_validate(said | {"buckets": ("photos", "other"), "deadline": 5.0})


def of_every_moment(request: Request) -> tuple[str, str, Mapping[str, str]]:
    told = {name: value for name, value in request.headers.items() if name not in OF_THE_MOMENT | BY_BOTOCORE}
    return request.method, request.path, told


def signed_as(request: Request) -> str:
    return request.headers["authorization"].partition(", Signature=")[0]


@pytest.mark.parametrize(
    "key", ["r1/a.jpg", "/a//b.jpg", "r1/\u00e9 \u6f22 %2F&=?#+~.jpg", "a/./b/../c", "photos"]
)
@pytest.mark.parametrize("version", [None, "v/1 +=&"])
async def test_a_later_read_is_asked_for_as_the_first_one_is(key: str, version: str | None) -> None:
    storage = Storage()
    place = Location(bucket="photos", key=key, version=version)
    async with serving(storage) as address, S3Images(settings(address)) as images:
        first = await images.fetch(place)
        assert await images.fetch(place) == first
    assert storage.long_ways() == [True, False]
    once, again = storage.asked
    assert of_every_moment(again) == of_every_moment(once)
    assert signed_as(again) == signed_as(once)


async def test_each_bucket_is_asked_for_by_botocore_first() -> None:
    storage = Storage()
    async with serving(storage) as address, S3Images(settings(address)) as images:
        for bucket in ("photos", "other", "photos", "other"):
            await images.fetch(Location(bucket=bucket, key="a.jpg"))
    assert storage.long_ways() == [True, True, False, False]


async def test_after_a_trouble_reads_go_the_long_way_until_it_is_paid_back() -> None:
    storage = Storage()
    async with serving(storage) as address, S3Images(settings(address)) as images:
        await images.fetch(PHOTO)
        storage.answer, well = Answer(503), storage.answer
        with pytest.raises(Unavailable):
            await images.fetch(PHOTO)
        storage.answer = well
        storage.asked.clear()
        for _ in range(direct.TROUBLE + 2):
            await images.fetch(PHOTO)
    assert storage.long_ways() == [True] * direct.TROUBLE + [False] * 2


async def test_a_trouble_that_passes_at_the_second_try_is_none() -> None:
    class Stumbling(Storage):
        def __call__(self, request: Request) -> Answer:
            super().__call__(request)
            return Answer(503) if len(self.asked) == 2 else self.answer

    storage = Stumbling()
    async with serving(storage) as address, S3Images(settings(address)) as images:
        for _ in range(4):
            assert (await images.fetch(PHOTO)).data == b"jpeg"
    assert storage.long_ways() == [True, False, True, False, False]


async def test_an_object_that_is_not_there_changes_nothing_for_the_others() -> None:
    storage = Storage()
    absence = Answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
    async with serving(storage) as address, S3Images(settings(address)) as images:
        await images.fetch(PHOTO)
        storage.answer, well = absence, storage.answer
        with pytest.raises(Gone):
            await images.fetch(PHOTO)
        storage.answer = well
        await images.fetch(PHOTO)
    assert storage.long_ways() == [True, False, False]


async def test_a_bucket_that_has_moved_to_another_region_is_read_there_from_then_on() -> None:
    class Moving(Storage):
        has_moved = False

        def __call__(self, request: Request) -> Answer:
            super().__call__(request)
            is_at_home = f"/{ABROAD}/s3/" in request.headers["authorization"]
            if is_at_home or not self.has_moved:
                return self.answer
            body = b"<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-central-1</Region></Error>"
            return Answer(400, body, {"x-amz-bucket-region": ABROAD})

    storage = Moving()
    async with serving(storage) as address, S3Images(settings(address)) as images:
        await images.fetch(PHOTO)
        storage.has_moved = True
        for _ in range(2):
            assert (await images.fetch(PHOTO)).data == b"jpeg"
        assert storage.long_ways()[-2:] == [True, False]
        assert f"/{ABROAD}/s3/" in storage.asked[-1].headers["authorization"]
