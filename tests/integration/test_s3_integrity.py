"""Bytes that are not what storage says are the storage's fault, over an HTTP server that lies."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import zlib
from collections.abc import Mapping

import pytest
from aiokafka.record.util import calc_crc32c

from agents.opened_components import Components
from agents.testing import FakeTagger
from agents.wiring.handlers import build_dispatcher
from schemas import topics
from schemas.errors import Unavailable
from schemas.uploads import Location
from streams.adapters.s3.embedded import EmbeddedS3
from streams.adapters.s3.images import S3Images
from streams.adapters.s3.settings import S3Settings
from streams.resilience.retry import Dependencies
from tests.integration.http_server import Answer, Request, serving
from tests.unit.straight_path import IMPATIENT, World, message_of, upload_of

PHOTO = Location(bucket="photos", key="r1/a.jpg")
BODY = b"the bytes of a photograph " * 8000
OTHER = b"x" * len(BODY)
"""Complete, and of the stated length."""


def md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def coded(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


CHECKSUMS = {
    "crc32": coded(zlib.crc32(BODY).to_bytes(4, "big")),
    "crc32c": coded(calc_crc32c(BODY).to_bytes(4, "big")),
    "sha1": coded(hashlib.sha1(BODY, usedforsecurity=False).digest()),
    "sha256": coded(hashlib.sha256(BODY).digest()),
}


class Storage:
    """Says these headers of the object, and sends these bytes."""

    def __init__(self, body: bytes, headers: Mapping[str, str]) -> None:
        self.answer = Answer(200, body, dict(headers))
        self.asked: list[Request] = []

    def __call__(self, request: Request) -> Answer:
        self.asked.append(request)
        return self.answer


def settings_of(address: str, **given: object) -> S3Settings:
    said = {
        "endpoint_url": f"http://{address}",
        "access_key_id": "a",
        "secret_access_key": "b",
        "buckets": ("photos",),
        "deadline": 5.0,
    }
    return S3Settings.model_validate(said | given)


WELL = Answer(200, b"", {"ETag": '"of-nothing-1"'})


async def fetched(storage: Storage, *, bucket: str = "photos", **given: object) -> bytes:
    """What the second read of the bucket brings; the first one says what the second one says."""
    async with serving(storage) as address:
        settings = settings_of(address, buckets=(bucket,), **given)
        place = Location(bucket=bucket, key="r1/a.jpg")
        async with S3Images(settings) as images:
            answer, storage.answer = storage.answer, WELL
            await images.fetch(place)
            storage.answer = answer
            found = await images.fetch(place)
        assert found.digest == hashlib.sha256(found.data).hexdigest()
        async with S3Images(settings) as images:
            assert await images.fetch(place) == found
        return found.data


async def test_bytes_that_are_what_storage_says_are_read() -> None:
    headers = {"ETag": f'"{md5(BODY)}"'}
    assert await fetched(Storage(BODY, headers)) == BODY


@pytest.mark.parametrize("body", [OTHER, b"short", b""], ids=["as long", "short", "empty"])
async def test_bytes_that_are_not_those_of_a_plain_etag_are_the_storage_s_fault(body: bytes) -> None:
    with pytest.raises(Unavailable, match=r"its etag is .*TAGSTREAM_S3__ETAG_IS_MD5"):
        await fetched(Storage(body, {"ETag": f'"{md5(BODY)}"'}))


@pytest.mark.parametrize("name", CHECKSUMS)
async def test_bytes_that_do_not_match_their_checksum_are_the_storage_s_fault(name: str) -> None:
    headers = {f"x-amz-checksum-{name}": CHECKSUMS[name], "ETag": '"of-parts-3"'}
    assert await fetched(Storage(BODY, headers)) == BODY
    with pytest.raises(Unavailable, match=r"(?i)checksum|crc32c"):
        await fetched(Storage(OTHER, headers))


async def test_the_checksums_are_asked_for() -> None:
    storage = Storage(BODY, {"ETag": f'"{md5(BODY)}"'})
    await fetched(storage)
    assert [each.headers["x-amz-checksum-mode"] for each in storage.asked] == ["ENABLED"] * 3


@pytest.mark.parametrize(
    "headers",
    [
        {"ETag": f'"{md5(OTHER)}-2"'},
        {"ETag": '"0x8DC"'},
        {"ETag": f'"{md5(OTHER)}"', "x-amz-server-side-encryption": "aws:kms"},
        {"ETag": f'"{md5(OTHER)}"', "x-amz-server-side-encryption": "aws:kms:dsse"},
        {"ETag": f'"{md5(OTHER)}"', "x-amz-server-side-encryption-customer-algorithm": "AES256"},
        {"ETag": '"of-parts-2"', "x-amz-checksum-crc32c": f"{CHECKSUMS['crc32']}-2"},
        {
            "ETag": '"of-parts-2"',
            "x-amz-checksum-crc32c": CHECKSUMS["crc32"],
            "x-amz-checksum-type": "COMPOSITE",
        },
        {"ETag": f'"{md5(OTHER)}"', "x-amz-checksum-sha256": CHECKSUMS["sha256"]},
    ],
)
async def test_what_is_no_digest_of_the_whole_object_is_not_held_against_it(headers: dict[str, str]) -> None:
    assert await fetched(Storage(BODY, headers)) == BODY


async def test_etags_of_a_directory_bucket_are_no_digests() -> None:
    storage = Storage(BODY, {"ETag": f'"{md5(OTHER)}"'})
    assert await fetched(storage, bucket="photos--use1-az4--x-s3") == BODY


async def test_a_storage_whose_etags_are_no_digests_can_be_named() -> None:
    storage = Storage(BODY, {"ETag": f'"{md5(OTHER)}"'})
    assert await fetched(storage, etag_is_md5=False) == BODY


async def test_a_proxy_s_page_is_the_storage_s_fault() -> None:
    page = Storage(b"<html>Please log in</html>", {"Content-Type": "text/html; charset=utf-8"})
    with pytest.raises(Unavailable, match="something else than storage answers"):
        await fetched(page)


async def test_a_page_that_was_uploaded_is_read() -> None:
    body = b"<html>lunch</html>"
    assert await fetched(Storage(body, {"Content-Type": "text/html", "ETag": f'"{md5(body)}"'})) == body


async def test_a_proxy_s_page_does_not_say_that_an_object_exists() -> None:
    page = Storage(b"", {"Content-Type": "text/html"})
    async with serving(page) as address, S3Images(settings_of(address)) as images:
        with pytest.raises(Unavailable):
            await images.exists(PHOTO)


async def test_what_a_storage_keeps_itself_matches() -> None:
    """moto's etags are those of S3."""
    with EmbeddedS3() as storage:
        settings = S3Settings(
            endpoint_url=storage.endpoint_url,
            access_key_id=storage.credentials.access_key_id,
            secret_access_key=storage.credentials.secret_access_key,
            buckets=("photos",),
        )
        async with S3Images(settings) as images:
            await images.ensure_bucket("photos")
            await images.put(PHOTO, BODY)
            assert (await images.fetch(PHOTO)).data == BODY


def sometimes(request: Request) -> Answer:
    """A storage one of whose objects has rotted."""
    body = OTHER if "rotten" in request.path else BODY
    return Answer(200, body, {"ETag": f'"{md5(BODY)}"'})


async def test_an_object_that_has_rotted_gives_way_to_the_others_and_is_never_a_dead_letter() -> None:
    rotten, world = upload_of("r1/rotten.jpg"), World()
    async with serving(sometimes) as address, S3Images(settings_of(address)) as images:
        parts = Components(images=images, scores=world.scores, tags=world.tags, tagger=FakeTagger())
        desk = build_dispatcher(parts, Dependencies(IMPATIENT), world.limits, metrics=world.metrics)
        work = asyncio.create_task(desk.handle(message_of(rotten)).work())
        minute = 0
        while not work.done():
            minute += 1
            await desk.handle(message_of(upload_of(minute=minute), offset=minute)).work()
        await work
    (letter,) = world.tags.buried
    assert (letter.topic, letter.code, letter.image_id) == (topics.RETRY, "keeps_failing", rotten.image_id)
    assert "its etag is" in letter.message
    assert world.counted("tagged") >= 1
