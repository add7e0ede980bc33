"""What every place for renditions does: one a photograph, by its digest, and none once it is deleted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from uuid import uuid4

import pytest

from schemas.addresses import BucketAddress
from schemas.errors import TooLarge, Unavailable
from schemas.rendition_recipe import MOST_BYTES
from streams.adapters.memory import MemoryRenditions
from streams.adapters.s3.embedded import EmbeddedS3
from streams.adapters.s3.images import S3Images
from streams.adapters.s3.renditions import S3Renditions, location_of
from streams.adapters.s3.settings import S3Settings
from streams.ports import RenditionStore, StoredRendition

DIGEST = "ab" * 32
SMALL = StoredRendition(b"\xff\xd8\xff small", "jpeg-320-q90-r1", "cd" * 32)


@pytest.fixture
def where(s3: EmbeddedS3) -> S3Settings:
    return S3Settings(endpoint_url=s3.endpoint_url, **dict(s3.credentials))


@pytest.fixture
async def place(where: S3Settings) -> BucketAddress:
    made = BucketAddress(f"small-{uuid4().hex}", "team/renditions")
    async with S3Images(where.model_copy(update={"buckets": (made.bucket,)})) as images:
        await images.ensure_bucket(made.bucket)
    return made


@pytest.fixture(params=["memory", "s3"])
async def renditions(
    request: pytest.FixtureRequest, where: S3Settings, place: BucketAddress
) -> AsyncIterator[RenditionStore]:
    async with AsyncExitStack() as stack:
        kind = request.param
        opened = MemoryRenditions() if kind == "memory" else S3Renditions(place, where)
        yield await stack.enter_async_context(opened)


async def test_a_rendition_is_read_as_it_was_put(renditions: RenditionStore) -> None:
    await renditions.put(DIGEST, SMALL)
    assert await renditions.get(DIGEST) == SMALL


async def test_nothing_is_where_nothing_was_put(renditions: RenditionStore) -> None:
    assert await renditions.get(DIGEST) is None


async def test_a_later_one_takes_the_place_of_the_one_before(renditions: RenditionStore) -> None:
    await renditions.put(DIGEST, SMALL)
    other = StoredRendition(b"other", "jpeg-512-q90-r1", "ef" * 32)
    await renditions.put(DIGEST, other)
    assert await renditions.get(DIGEST) == other


async def test_none_is_there_once_it_is_deleted_and_twice_is_as_good_as_once(
    renditions: RenditionStore,
) -> None:
    await renditions.put(DIGEST, SMALL)
    await renditions.delete(DIGEST)
    await renditions.delete(DIGEST)
    assert await renditions.get(DIGEST) is None


async def test_an_object_that_is_no_small_one_is_not_read(where: S3Settings, place: BucketAddress) -> None:
    async with S3Images(where.model_copy(update={"buckets": (place.bucket,)})) as images:
        await images.put(location_of(place, DIGEST), bytes(MOST_BYTES + 1))
    async with S3Renditions(place, where) as renditions:
        with pytest.raises(TooLarge):
            await renditions.get(DIGEST)


async def test_a_bucket_that_is_not_there_is_the_storage_s_absence(where: S3Settings) -> None:
    async with S3Renditions(BucketAddress("no-such-bucket", ""), where) as renditions:
        with pytest.raises(Unavailable):
            await renditions.put(DIGEST, SMALL)
        with pytest.raises(Unavailable):
            await renditions.get(DIGEST)


def test_the_key_is_the_digest_below_the_prefix() -> None:
    assert str(location_of(BucketAddress("small", "a/b/"), DIGEST)) == f"s3://small/a/b/ab/{DIGEST}.jpg"
    assert str(location_of(BucketAddress("small", ""), DIGEST)) == f"s3://small/ab/{DIGEST}.jpg"
