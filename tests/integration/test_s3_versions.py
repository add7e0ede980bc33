"""Every version of one object, told and deleted, and nothing of its neighbours."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from schemas.errors import Gone, NotAllowed, Unavailable
from schemas.uploads import Location
from streams.adapters.s3.embedded import EmbeddedS3
from streams.adapters.s3.images import S3Images
from streams.adapters.s3.settings import S3Settings
from streams.adapters.s3.versions import S3Versions

PLAIN, VERSIONED = "plain", "versioned"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[EmbeddedS3]:
    with EmbeddedS3() as running:
        yield running


@pytest.fixture
def settings(endpoint: EmbeddedS3) -> S3Settings:
    return S3Settings(
        endpoint_url=endpoint.endpoint_url, **dict(endpoint.credentials), buckets=(PLAIN, VERSIONED)
    )


@pytest.fixture
async def images(settings: S3Settings) -> AsyncIterator[S3Images]:
    async with S3Images(settings) as opened:
        for bucket in (PLAIN, VERSIONED):
            await opened.ensure_bucket(bucket)
        await opened._client.put_bucket_versioning(
            Bucket=VERSIONED, VersioningConfiguration={"Status": "Enabled"}
        )
        yield opened


@pytest.fixture
async def versions(settings: S3Settings, images: S3Images) -> AsyncIterator[S3Versions]:
    await images.ping()
    async with S3Versions(settings) as opened:
        yield opened


async def test_all_versions_of_an_object_are_told_and_deleted_and_its_markers_too(
    images: S3Images, versions: S3Versions
) -> None:
    where = Location(bucket=VERSIONED, key="r1/a.jpg")
    put = [await images.put(where, data) for data in (b"one", b"two", b"three")]
    await images._client.delete_object(Bucket=VERSIONED, Key=where.key)
    assert await versions.standing(where) == 3
    assert await versions.delete(where) == 3
    assert await versions.standing(where) == 0
    for each in put:
        with pytest.raises(Gone):
            await images.fetch(each)
    listed = await images._client.list_object_versions(Bucket=VERSIONED, Prefix=where.key)
    assert not listed.get("Versions")
    assert not listed.get("DeleteMarkers")


async def test_an_object_of_a_bucket_that_keeps_no_versions_is_one(
    images: S3Images, versions: S3Versions
) -> None:
    where = Location(bucket=PLAIN, key="r1/a.jpg")
    await images.put(where, b"one")
    await images.put(where, b"two")
    assert await versions.standing(where) == 1
    assert await versions.delete(where) == 1
    assert not await images.exists(where)


async def test_what_was_put_before_the_bucket_kept_versions_is_deleted_too(
    images: S3Images, versions: S3Versions
) -> None:
    await images.ensure_bucket(PLAIN)
    where = Location(bucket=PLAIN, key="old.jpg")
    await images.put(where, b"null version")
    switch = {"Bucket": PLAIN, "VersioningConfiguration": {"Status": "Enabled"}}
    await images._client.put_bucket_versioning(**switch)  # type: ignore[arg-type]
    await images.put(where, b"newer")
    assert await versions.delete(where) == 2
    assert await versions.standing(where) == 0


async def test_the_neighbours_of_an_object_stay(images: S3Images, versions: S3Versions) -> None:
    where = Location(bucket=VERSIONED, key="r1/b.jpg")
    near = [where.model_copy(update={"key": key}) for key in ("r1/b.jpg.bak", "r1/b.jpg/c", "r1/b.jp")]
    for each in (where, *near):
        await images.put(each, b"x")
    assert await versions.delete(where) == 1
    assert [await versions.standing(each) for each in near] == [1, 1, 1]


async def test_an_object_that_is_not_there_is_deleted_already(versions: S3Versions) -> None:
    assert await versions.delete(Location(bucket=VERSIONED, key="nobody.jpg")) == 0
    assert await versions.standing(Location(bucket=VERSIONED, key="nobody.jpg")) == 0


async def test_no_bucket_off_the_allow_list_is_touched(versions: S3Versions) -> None:
    with pytest.raises(NotAllowed):
        await versions.delete(Location(bucket="elsewhere", key="a.jpg"))


async def test_a_bucket_that_is_not_there_is_unavailable(endpoint: EmbeddedS3) -> None:
    wrong = S3Settings(
        endpoint_url=endpoint.endpoint_url, **dict(endpoint.credentials), buckets=("nobucket",)
    )
    async with S3Versions(wrong) as opened:
        with pytest.raises(Unavailable):
            await opened.delete(Location(bucket="nobucket", key="a.jpg"))
