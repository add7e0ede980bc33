"""What every image store does, whichever it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname
from uuid import uuid4

import pytest
from pydantic import SecretStr

from deploy.stack.stack import Stack
from schemas.errors import Gone, NotAllowed, TooLarge, Unavailable
from schemas.uploads import Location
from streams.adapters.limits import Limits
from streams.adapters.memory import MemoryImages
from streams.adapters.s3.embedded import EmbeddedS3
from streams.adapters.s3.images import S3Images
from streams.adapters.s3.settings import S3Settings
from streams.ports import ImageStore
from tests.folder_images import FolderImages

CAP = 100_000

Put = Callable[[str, bytes], Awaitable[object]]
Remove = Callable[[str], Awaitable[object]]


@dataclass
class Store:
    """A store under test that may read one bucket, and how its objects come to be."""

    images: ImageStore
    bucket: str
    put: Put
    remove: Remove

    def at(self, key: str) -> Location:
        return Location(bucket=self.bucket, key=key)


async def _memory(
    _stack: AsyncExitStack, limits: Limits, _request: pytest.FixtureRequest
) -> tuple[ImageStore, Put, Remove]:
    images = MemoryImages(limits)
    (bucket,) = limits.buckets

    def at(key: str) -> Location:
        return Location(bucket=bucket, key=key)

    return images, lambda key, data: images.put(at(key), data), lambda key: images.remove(at(key))


async def _folder(
    stack: AsyncExitStack, limits: Limits, request: pytest.FixtureRequest
) -> tuple[ImageStore, Put, Remove]:
    root: Path = request.getfixturevalue("tmp_path")
    (bucket,) = limits.buckets
    (root / bucket).mkdir()

    async def put(key: str, data: bytes) -> None:
        path = root / bucket / key
        await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
        await asyncio.to_thread(path.write_bytes, data)

    async def remove(key: str) -> None:
        await asyncio.to_thread((root / bucket / key).unlink)

    return await stack.enter_async_context(FolderImages(root, limits)), put, remove


async def _s3(
    stack: AsyncExitStack, limits: Limits, request: pytest.FixtureRequest
) -> tuple[ImageStore, Put, Remove]:
    endpoint: EmbeddedS3 = request.getfixturevalue("s3")
    where = S3Settings(
        endpoint_url=endpoint.endpoint_url, **dict(endpoint.credentials), **limits.model_dump()
    )
    return await _over(where, stack)


async def _versitygw(
    stack: AsyncExitStack, limits: Limits, request: pytest.FixtureRequest
) -> tuple[ImageStore, Put, Remove]:
    servers: Stack = request.getfixturevalue("stack")
    where = S3Settings(
        endpoint_url=servers.settings["TAGSTREAM_S3__ENDPOINT_URL"],
        access_key_id=SecretStr(servers.credentials.user),
        secret_access_key=SecretStr(servers.credentials.s3_secret),
        **limits.model_dump(),
    )
    return await _over(where, stack)


async def _over(where: S3Settings, stack: AsyncExitStack) -> tuple[ImageStore, Put, Remove]:
    """The adapter over an endpoint, with its bucket made."""
    images = await stack.enter_async_context(S3Images(where))
    (bucket,) = where.buckets
    await images.ensure_bucket(bucket)

    async def remove(key: str) -> None:
        await images._client.delete_object(Bucket=bucket, Key=key)

    return images, lambda key, data: images.put(Location(bucket=bucket, key=key), data), remove


OPENERS = {"memory": _memory, "folder": _folder, "s3": _s3, "versitygw": _versitygw}


@pytest.fixture(
    params=["memory", "folder", "s3", pytest.param("versitygw", marks=pytest.mark.real)],
)
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    bucket = f"photos-{uuid4().hex}"
    limits = Limits(buckets=(bucket,), max_object_bytes=CAP)
    async with AsyncExitStack() as stack:
        images, put, remove = await OPENERS[request.param](stack, limits, request)
        yield Store(images, bucket, put, remove)


async def test_an_object_is_fetched_byte_for_byte(store: Store) -> None:
    data = bytes(range(256)) * 300
    await store.put("r1/a.jpg", data)
    assert (await store.images.fetch(store.at("r1/a.jpg"))).data == data


async def test_an_empty_object_is_fetched_as_no_bytes(store: Store) -> None:
    await store.put("r1/empty.jpg", b"")
    assert (await store.images.fetch(store.at("r1/empty.jpg"))).data == b""


@pytest.mark.parametrize("key", ["r 1/a b+c.jpg", "r1/é 漢字 %2F&=?#.jpg", "r1/…/ a .jpg"])
async def test_a_key_of_any_characters_names_its_object(store: Store, key: str) -> None:
    await store.put(key, key.encode())
    for _ in range(2):
        assert (await store.images.fetch(store.at(key))).data == key.encode()


async def test_an_object_that_is_not_there_is_gone(store: Store) -> None:
    with pytest.raises(Gone, match=r"missing\.jpg"):
        await store.images.fetch(store.at("r1/missing.jpg"))


async def test_a_key_that_is_only_a_prefix_of_others_is_gone(store: Store) -> None:
    await store.put("r1/a.jpg", b"a")
    with pytest.raises(Gone):
        await store.images.fetch(store.at("r1"))


async def test_a_key_longer_than_any_storage_takes_is_gone(store: Store) -> None:
    with pytest.raises(Gone):
        await store.images.fetch(store.at("é" * 1024))
    assert not await store.images.exists(store.at("é" * 1024))


async def test_an_object_of_exactly_the_cap_is_fetched(store: Store) -> None:
    await store.put("r1/a.jpg", bytes(CAP))
    assert len((await store.images.fetch(store.at("r1/a.jpg"))).data) == CAP


async def test_an_object_above_the_cap_is_too_large(store: Store) -> None:
    await store.put("r1/a.jpg", bytes(CAP + 1))
    with pytest.raises(TooLarge, match=str(CAP)):
        await store.images.fetch(store.at("r1/a.jpg"))


async def test_a_bucket_off_the_allow_list_is_not_allowed_whether_it_exists_or_not(store: Store) -> None:
    elsewhere = Location(bucket="elsewhere", key="a.jpg")
    images = store.images
    for ask in (images.fetch(elsewhere), images.exists(elsewhere), images.link(elsewhere, seconds=60)):
        with pytest.raises(NotAllowed, match="elsewhere"):
            await ask


@pytest.mark.parametrize("key", ["../secret.jpg", "a/../../secret.jpg", "/etc/passwd", "..", "a/.."])
async def test_a_key_that_climbs_out_of_its_bucket_finds_nothing(
    store: Store, key: str, tmp_path: Path
) -> None:
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    await store.put("a/b.jpg", b"b")
    with pytest.raises(Gone):
        await store.images.fetch(store.at(key))
    assert not await store.images.exists(store.at(key))


async def test_an_object_exists_from_its_upload_to_its_removal(store: Store) -> None:
    assert not await store.images.exists(store.at("r1/a.jpg"))
    await store.put("r1/a.jpg", b"")
    assert await store.images.exists(store.at("r1/a.jpg"))
    assert not await store.images.exists(store.at("r1"))
    await store.remove("r1/a.jpg")
    assert not await store.images.exists(store.at("r1/a.jpg"))


async def test_an_overwritten_object_is_fetched_as_it_stands_now_with_its_own_etag(store: Store) -> None:
    await store.put("r1/a.jpg", b"older")
    older = await store.images.fetch(store.at("r1/a.jpg"))
    await store.put("r1/a.jpg", b"newer")
    asked = store.at("r1/a.jpg").model_copy(update={"etag": older.etag})
    newer = await store.images.fetch(asked)
    assert newer.data == b"newer"
    assert older.etag
    assert newer.etag
    assert newer.etag != older.etag


async def test_an_etag_is_that_of_s3_without_its_quotes(store: Store) -> None:
    await store.put("r1/a.jpg", b"hello")
    assert (await store.images.fetch(store.at("r1/a.jpg"))).etag == "5d41402abc4b2a76b9719d911017c592"


async def test_an_object_without_metadata_and_version_says_so(store: Store) -> None:
    await store.put("r1/a.jpg", b"hello")
    found = await store.images.fetch(store.at("r1/a.jpg"))
    assert dict(found.metadata) == {}
    assert found.version is None


async def test_a_link_names_the_object_whether_it_is_there_or_not(store: Store) -> None:
    for key in ("r1/a b+é.jpg", "r1/missing.jpg"):
        address = urlsplit(await store.images.link(store.at(key), seconds=60))
        assert address.scheme in ("http", "file", "memory")
        assert f"{address.netloc}{unquote(address.path)}".endswith(f"{store.bucket}/{key}")


async def test_many_fetches_at_once_each_get_their_own_object(store: Store) -> None:
    keys = [f"r1/{number}.jpg" for number in range(40)]
    for key in keys:
        await store.put(key, key.encode() * 100)
    fetched = await asyncio.gather(*(store.images.fetch(store.at(key)) for key in keys))
    assert [each.data for each in fetched] == [key.encode() * 100 for key in keys]


async def test_a_store_that_is_there_answers_a_ping(store: Store) -> None:
    await store.images.ping()


async def test_an_empty_allow_list_allows_nothing(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    stores: list[ImageStore] = [
        MemoryImages(Limits()),
        FolderImages(tmp_path, Limits()),
        S3Images(S3Settings()),
    ]
    photo = Location(bucket="photos", key="a.jpg")
    for images in stores:
        for ask in (images.fetch(photo), images.exists(photo), images.link(photo, seconds=60)):
            with pytest.raises(NotAllowed):
                await ask


async def test_an_allowed_folder_that_is_missing_is_unavailable_not_gone(tmp_path: Path) -> None:
    async with FolderImages(tmp_path, Limits(buckets=("photos",))) as images:
        photo = Location(bucket="photos", key="a.jpg")
        for ask in (images.fetch(photo), images.exists(photo), images.ping()):
            with pytest.raises(Unavailable):
                await ask


async def test_a_link_that_leads_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    (tmp_path / "photos" / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    async with FolderImages(tmp_path, Limits(buckets=("photos",))) as images:
        link = Location(bucket="photos", key="link.jpg")
        for ask in (images.fetch(link), images.link(link, seconds=60)):
            with pytest.raises(Gone):
                await ask
        assert not await images.exists(link)


async def test_a_link_that_leads_to_itself_is_gone(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "loop.jpg").symlink_to(tmp_path / "photos" / "loop.jpg")
    async with FolderImages(tmp_path, Limits(buckets=("photos",))) as images:
        with pytest.raises(Gone):
            await images.fetch(Location(bucket="photos", key="loop.jpg"))


async def test_a_files_address_can_be_opened(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a b.jpg").write_bytes(b"a b")
    async with FolderImages(tmp_path, Limits(buckets=("photos",))) as images:
        address = await images.link(Location(bucket="photos", key="a b.jpg"), seconds=60)
    assert Path(url2pathname(urlsplit(address).path)).read_bytes() == b"a b"
