"""What S3 keeps beside the bytes, objects that came in parts, and addresses for people."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import tracemalloc
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from schemas.errors import TooLarge
from schemas.uploads import Location
from streams.adapters.s3 import listing
from streams.adapters.s3.embedded import EmbeddedS3
from streams.adapters.s3.images import LONGEST_LINK_SECONDS, S3Images
from streams.adapters.s3.settings import S3Settings

MEBIBYTE = 1024 * 1024
PHOTO = Location(bucket="photos", key="r1/a b é.jpg")
PART = 5 * MEBIBYTE


@pytest.fixture(scope="module")
def endpoint() -> Iterator[EmbeddedS3]:
    with EmbeddedS3() as running:
        yield running


def settings(endpoint: EmbeddedS3, **given: object) -> S3Settings:
    said = {"endpoint_url": endpoint.endpoint_url, **dict(endpoint.credentials)}
    return S3Settings.model_validate(said | {"buckets": ("photos",)} | given)


@pytest.fixture
async def images(endpoint: EmbeddedS3) -> AsyncIterator[S3Images]:
    async with S3Images(settings(endpoint)) as opened:
        await opened.ensure_bucket("photos")
        yield opened


async def put_in_parts(images: S3Images, location: Location, data: bytes) -> None:
    """As every S3 client uploads a large object: in parts of 5 MiB."""
    where: Any = {"Bucket": location.bucket, "Key": location.key}
    upload = (await images._client.create_multipart_upload(**where))["UploadId"]
    parts: Any = []
    for number, start in enumerate(range(0, len(data), PART), start=1):
        said = await images._client.upload_part(
            **where, UploadId=upload, PartNumber=number, Body=data[start : start + PART]
        )
        parts.append({"PartNumber": number, "ETag": said["ETag"]})
    await images._client.complete_multipart_upload(**where, UploadId=upload, MultipartUpload={"Parts": parts})


def photograph(size: int) -> bytes:
    """Bytes that differ from part to part."""
    return b"".join(hashlib.sha256(bytes([number % 256])).digest() * 1024 for number in range(size // 32768))


async def test_an_object_that_came_in_parts_is_read_whole(images: S3Images) -> None:
    data = photograph(12 * MEBIBYTE)
    await put_in_parts(images, PHOTO, data)
    found = await images.fetch(PHOTO)
    assert found.data == data
    assert found.etag is not None
    assert found.etag.endswith("-3")
    assert '"' not in found.etag


async def test_an_object_that_came_in_parts_is_held_to_the_cap(endpoint: EmbeddedS3) -> None:
    async with S3Images(settings(endpoint, max_object_bytes=11 * MEBIBYTE)) as images:
        await images.ensure_bucket("photos")
        await put_in_parts(images, PHOTO, photograph(12 * MEBIBYTE))
        with pytest.raises(TooLarge):
            await images.fetch(PHOTO)


async def test_reading_a_large_object_takes_little_more_memory_than_the_budget_says(images: S3Images) -> None:
    size = 24 * MEBIBYTE
    await images.put(PHOTO, bytes(size))
    tracemalloc.start()
    try:
        found = await images.fetch(PHOTO)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(found.data) == size
    assert most < 1.4 * size


async def test_metadata_is_told_by_lower_case_names_without_the_storages_prefix(images: S3Images) -> None:
    await images.put(PHOTO, b"x", metadata={"Restaurant-Id": "r 1", "uploader": "u=1?"})
    assert (await images.fetch(PHOTO)).metadata == {"restaurant-id": "r 1", "uploader": "u=1?"}


@pytest.mark.parametrize(
    "value", ["Café Été", "餐厅" * 60, "a =?b?= c", "=?utf-8?x?bad?=", "=?no-such?q?a?="]
)
async def test_metadata_of_any_characters_comes_back_as_it_was_said(images: S3Images, value: str) -> None:
    await images.put(PHOTO, b"x", metadata={"name": value})
    assert (await images.fetch(PHOTO)).metadata == {"name": value}


def test_a_version_that_tells_no_contents_apart_is_none() -> None:
    assert listing.version({"VersionId": "null"}) is None
    assert listing.version({"VersionId": "v1"}) == "v1"


def _get(address: str) -> bytes:
    with urllib.request.urlopen(address) as reply:  # noqa: S310 - an address that the adapter made
        data: bytes = reply.read()
        return data


async def test_a_link_is_opened_by_a_browser_without_credentials(images: S3Images) -> None:
    await images.put(PHOTO, b"what a person sees")
    address = await images.link(PHOTO, seconds=60)
    assert await asyncio.to_thread(_get, address) == b"what a person sees"


async def test_a_link_leads_to_the_version_where_the_location_has_one(images: S3Images) -> None:
    await images._client.put_bucket_versioning(Bucket="photos", VersioningConfiguration={"Status": "Enabled"})
    first = await images.put(PHOTO, b"first")
    await images.put(PHOTO, b"second")
    assert await asyncio.to_thread(_get, await images.link(first, seconds=60)) == b"first"


@pytest.mark.parametrize(
    ("seconds", "lifetime"),
    [(60, 60), (0.2, 1), (-5, 1), (90.5, 91), (1e12, LONGEST_LINK_SECONDS)],
)
async def test_a_link_lives_as_long_as_asked_within_seven_days(
    images: S3Images, seconds: float, lifetime: int
) -> None:
    asked = parse_qs(urlsplit(await images.link(PHOTO, seconds=seconds)).query)
    assert asked["X-Amz-Expires"] == [str(lifetime)]
    assert asked["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]


async def test_a_links_signature_is_never_logged(images: S3Images, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        address = await images.link(PHOTO, seconds=60)
    (signature,) = parse_qs(urlsplit(address).query)["X-Amz-Signature"]
    assert caplog.records
    assert signature not in caplog.text
