"""The S3 adapter against a server that keeps objects, and that server's own life and death."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from schemas.errors import Gone, Unavailable
from schemas.uploads import Location
from streams.adapters.s3.embedded import EmbeddedS3
from streams.adapters.s3.images import S3Images
from streams.adapters.s3.settings import S3Settings

KEEP_ONE = """
import sys, time
from streams.adapters.s3.embedded import EmbeddedS3
with EmbeddedS3() as s3:
    print(s3.pid, s3.endpoint_url, flush=True)
    time.sleep(600)
"""


@pytest.fixture(scope="module")
def endpoint() -> Iterator[EmbeddedS3]:
    with EmbeddedS3() as running:
        yield running


def settings(endpoint: EmbeddedS3, bucket: str) -> S3Settings:
    return S3Settings(
        endpoint_url=endpoint.endpoint_url,
        **dict(endpoint.credentials),
        buckets=(bucket,),
    )


@pytest.fixture
async def images(endpoint: EmbeddedS3) -> AsyncIterator[S3Images]:
    async with S3Images(settings(endpoint, "photos")) as opened:
        await opened.ensure_bucket("photos")
        yield opened


async def _keep_versions(images: S3Images, bucket: str) -> None:
    await images._client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})


async def test_a_version_is_read_though_a_newer_one_stands(images: S3Images) -> None:
    await _keep_versions(images, "photos")
    where = Location(bucket="photos", key="versioned.jpg")
    first = await images.put(where, b"first")
    second = await images.put(where, b"second")
    assert first.version != second.version
    assert (await images.fetch(first)).version == first.version
    assert (await images.fetch(first)).data == b"first"
    assert (await images.fetch(where)).data == b"second"


async def test_a_version_is_what_stands_where_the_bucket_keeps_none(endpoint: EmbeddedS3) -> None:
    async with S3Images(settings(endpoint, "moved")) as images:
        await images.ensure_bucket("moved")
        where = Location(bucket="moved", key="a.jpg")
        await images.put(where, b"of a storage that kept versions")
        named = where.model_copy(update={"version": "w9eElv_lFFeEbifMabOBHjtJl9Ori_At"})
        found = await images.fetch(named)
        assert (found.data, found.version) == (b"of a storage that kept versions", None)
        with pytest.raises(Gone):
            await images.fetch(named.model_copy(update={"key": "never-moved.jpg"}))


async def test_a_version_that_is_gone_is_gone_though_a_newer_one_stands(images: S3Images) -> None:
    await _keep_versions(images, "photos")
    where = Location(bucket="photos", key="pruned.jpg")
    first = await images.put(where, b"first")
    await images.put(where, b"second")
    await images._client.delete_object(Bucket="photos", Key="pruned.jpg", VersionId=first.version or "")
    with pytest.raises(Gone):
        await images.fetch(first)


async def test_a_deleted_object_is_gone_and_so_is_its_deletion(images: S3Images) -> None:
    await _keep_versions(images, "photos")
    put = await images.put(Location(bucket="photos", key="deleted.jpg"), b"x")
    said = await images._client.delete_object(Bucket="photos", Key="deleted.jpg")
    for version in (None, said["VersionId"], "no-such-version"):
        with pytest.raises(Gone):
            await images.fetch(put.model_copy(update={"version": version}))
    assert not await images.exists(put)
    assert (await images.fetch(put)).data == b"x"


async def test_what_was_put_is_told_with_its_etag_unquoted(images: S3Images) -> None:
    put = await images.put(Location(bucket="photos", key="etag.jpg"), b"hello")
    assert put.etag == "5d41402abc4b2a76b9719d911017c592"


async def test_ensuring_a_bucket_twice_is_as_good_as_once(images: S3Images) -> None:
    await images.put(Location(bucket="photos", key="kept.jpg"), b"kept")
    await images.ensure_bucket("photos")
    assert (await images.fetch(Location(bucket="photos", key="kept.jpg"))).data == b"kept"


async def test_a_bucket_outside_the_default_region_can_be_made(endpoint: EmbeddedS3) -> None:
    bucket = f"frankfurt-{uuid4().hex}"
    abroad = settings(endpoint, bucket).model_copy(update={"region": "eu-central-1"})
    async with S3Images(abroad) as images:
        await images.ensure_bucket(bucket)
        await images.ping()


async def test_an_allowed_bucket_that_does_not_exist_is_unavailable(endpoint: EmbeddedS3) -> None:
    async with S3Images(settings(endpoint, "not-made")) as images:
        photo = Location(bucket="not-made", key="a.jpg")
        for ask in (images.fetch(photo), images.exists(photo), images.ping()):
            with pytest.raises(Unavailable):
                await ask
        with pytest.raises(Unavailable):
            await images.put(Location(bucket="not-made", key="a.jpg"), b"x")


async def test_clients_of_one_process_share_what_was_read_of_aws_s_services(images: S3Images) -> None:
    async with S3Images(images._settings) as second:
        assert second._client._loader is images._client._loader  # type: ignore[attr-defined]  # botocore's own


async def test_a_proxy_in_the_environment_is_not_asked_for_this_machine(
    endpoint: EmbeddedS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    async with S3Images(settings(endpoint, "photos")) as images:
        await images.ensure_bucket("photos")


def test_the_endpoint_listens_on_loopback_and_ends_with_its_block() -> None:
    with EmbeddedS3() as running:
        pid = running.pid
        assert pid is not None
        assert running.endpoint_url.startswith("http://127.0.0.1:")
    assert not Path(f"/proc/{pid}").exists()


async def test_the_endpoint_dies_with_a_parent_that_is_killed() -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KEEP_ONE, stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    pid = int((await parent.stdout.readline()).split()[0])
    os.kill(parent.pid, signal.SIGKILL)
    await parent.wait()
    limit = time.monotonic() + 5
    while _runs(pid) and time.monotonic() < limit:
        await asyncio.sleep(0.02)
    assert not _runs(pid)


def _runs(pid: int) -> bool:
    """Whether the process runs; one that has ended and awaits its new parent does not."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
