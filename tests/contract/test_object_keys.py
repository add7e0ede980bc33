"""What whoever lists a bucket by key is promised: in order, behind the last one, and of allowed buckets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from uuid import uuid4

import pytest
from pydantic import SecretStr

from schemas.errors import NotAllowed, Unavailable
from schemas.uploads import Location
from streams.adapters.limits import Limits
from streams.adapters.memory import MemoryImages
from streams.adapters.s3.images import S3Images
from streams.adapters.s3.keys import S3Keys
from streams.adapters.s3.settings import S3Settings
from streams.ports import ObjectKeys

from .object_places import s3_settings

BUCKET = f"photos-{uuid4().hex}"
KEYS = ("r1/a b+c.jpg", "r1/é.jpg", "r1/z.jpg", "r10/a.jpg", "r2/a.jpg")


@pytest.fixture(params=["memory", "s3", pytest.param("versitygw", marks=pytest.mark.real)])
async def listed(request: pytest.FixtureRequest) -> AsyncIterator[ObjectKeys]:
    """A bucket with the objects of `KEYS`."""
    async with AsyncExitStack() as stack:
        if request.param == "memory":
            memory = MemoryImages(Limits(buckets=frozenset({BUCKET}), max_object_bytes=10))
            for key in KEYS:
                await memory.put(Location(bucket=BUCKET, key=key), b"")
            yield memory
            return
        where = s3_settings(request.param, request, BUCKET)
        images = await stack.enter_async_context(S3Images(where))
        await images.ensure_bucket(BUCKET)
        for key in KEYS:
            await images.put(Location(bucket=BUCKET, key=key), b"x")
        yield await stack.enter_async_context(S3Keys(where))


async def every(listed: ObjectKeys, prefix: str, *, limit: int) -> Sequence[str]:
    found: list[str] = []
    while page := await listed.keys(BUCKET, prefix, after=found[-1] if found else "", limit=limit):
        assert len(page) <= limit
        found += page
    return found


@pytest.mark.parametrize("limit", [1, 2, 500])
async def test_a_prefix_is_gone_through_in_pages_and_each_key_comes_once(
    listed: ObjectKeys, limit: int
) -> None:
    assert sorted(await every(listed, "r1/", limit=limit)) == sorted(KEYS[:3])
    assert await every(listed, "r9/", limit=limit) == []


async def test_without_a_prefix_the_whole_bucket_is(listed: ObjectKeys) -> None:
    assert sorted(await every(listed, "", limit=2)) == sorted(KEYS)


async def test_a_listing_goes_on_behind_a_key_that_is_gone(listed: ObjectKeys) -> None:
    assert await listed.keys(BUCKET, "r", after="r1/éz.jpg", limit=1) == ("r10/a.jpg",)


async def test_a_bucket_off_the_allow_list_is_not_asked(listed: ObjectKeys) -> None:
    with pytest.raises(NotAllowed):
        await listed.keys("others", "", limit=1)


async def test_a_storage_that_is_away_is_unavailable() -> None:
    where = S3Settings(
        endpoint_url="http://127.0.0.1:9",
        access_key_id=SecretStr("a"),
        secret_access_key=SecretStr("b"),
        buckets=frozenset({BUCKET}),
    )
    async with S3Keys(where) as keys:
        with pytest.raises(Unavailable):
            await keys.keys(BUCKET, "", limit=1)
