"""What every image store does, whichever it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from schemas.errors import Gone, NotAllowed, TooLarge, Unavailable
from schemas.uploads import Location
from streams.adapters.folder import FolderImages
from streams.adapters.limits import Limits
from streams.adapters.memory import MemoryImages
from streams.adapters.s3 import S3Images, S3Settings
from streams.ports import ImageStore

CAP = 100_000

Put = Callable[[str, bytes], Awaitable[object]]


@dataclass
class Store:
    """A store under test that may read one bucket, and how its objects come to be."""

    images: ImageStore
    bucket: str
    put: Put

    def at(self, key: str) -> Location:
        return Location(bucket=self.bucket, key=key)


async def _memory(
    _stack: AsyncExitStack, limits: Limits, _request: pytest.FixtureRequest
) -> tuple[ImageStore, Put]:
    images = MemoryImages(limits)
    (bucket,) = limits.allowed_buckets
    return images, lambda key, data: images.put(Location(bucket=bucket, key=key), data)


async def _folder(
    stack: AsyncExitStack, limits: Limits, request: pytest.FixtureRequest
) -> tuple[ImageStore, Put]:
    root: Path = request.getfixturevalue("tmp_path")
    (bucket,) = limits.allowed_buckets
    (root / bucket).mkdir()

    async def put(key: str, data: bytes) -> None:
        path = root / bucket / key
        await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
        await asyncio.to_thread(path.write_bytes, data)

    return await stack.enter_async_context(FolderImages(root, limits)), put


async def _s3(
    stack: AsyncExitStack, limits: Limits, request: pytest.FixtureRequest
) -> tuple[ImageStore, Put]:
    endpoint = request.getfixturevalue("s3")
    where = S3Settings(
        endpoint_url=endpoint.endpoint_url, credentials=endpoint.credentials, **limits.model_dump()
    )
    images = await stack.enter_async_context(S3Images(where))
    (bucket,) = limits.allowed_buckets
    await images.ensure_bucket(bucket)
    return images, lambda key, data: images.put(Location(bucket=bucket, key=key), data)


OPENERS = {"memory": _memory, "folder": _folder, "s3": _s3}


@pytest.fixture(params=OPENERS)
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    bucket = f"photos-{uuid4().hex}"
    limits = Limits(allowed_buckets=frozenset({bucket}), max_object_bytes=CAP)
    async with AsyncExitStack() as stack:
        images, put = await OPENERS[request.param](stack, limits, request)
        yield Store(images, bucket, put)


async def test_an_object_is_fetched_byte_for_byte(store: Store) -> None:
    data = bytes(range(256)) * 300
    await store.put("r1/a.jpg", data)
    assert await store.images.fetch(store.at("r1/a.jpg")) == data


async def test_an_empty_object_is_fetched_as_no_bytes(store: Store) -> None:
    await store.put("r1/empty.jpg", b"")
    assert await store.images.fetch(store.at("r1/empty.jpg")) == b""


@pytest.mark.parametrize("key", ["r 1/a b+c.jpg", "r1/é 漢字 %2F&=?#.jpg", "r1/…/ a .jpg"])
async def test_a_key_of_any_characters_names_its_object(store: Store, key: str) -> None:
    await store.put(key, key.encode())
    assert await store.images.fetch(store.at(key)) == key.encode()


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


async def test_an_object_of_exactly_the_cap_is_fetched(store: Store) -> None:
    await store.put("r1/a.jpg", bytes(CAP))
    assert len(await store.images.fetch(store.at("r1/a.jpg"))) == CAP


async def test_an_object_above_the_cap_is_too_large(store: Store) -> None:
    await store.put("r1/a.jpg", bytes(CAP + 1))
    with pytest.raises(TooLarge, match=str(CAP)):
        await store.images.fetch(store.at("r1/a.jpg"))


async def test_a_bucket_off_the_allow_list_is_not_allowed_whether_it_exists_or_not(store: Store) -> None:
    with pytest.raises(NotAllowed, match="elsewhere"):
        await store.images.fetch(Location(bucket="elsewhere", key="a.jpg"))


@pytest.mark.parametrize("key", ["../secret.jpg", "a/../../secret.jpg", "/etc/passwd", "..", "a/.."])
async def test_a_key_that_climbs_out_of_its_bucket_finds_nothing(
    store: Store, key: str, tmp_path: Path
) -> None:
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    await store.put("a/b.jpg", b"b")
    with pytest.raises(Gone):
        await store.images.fetch(store.at(key))


async def test_many_fetches_at_once_each_get_their_own_object(store: Store) -> None:
    keys = [f"r1/{number}.jpg" for number in range(40)]
    for key in keys:
        await store.put(key, key.encode() * 100)
    fetched = await asyncio.gather(*(store.images.fetch(store.at(key)) for key in keys))
    assert fetched == [key.encode() * 100 for key in keys]


async def test_a_store_that_is_there_answers_a_ping(store: Store) -> None:
    await store.images.ping()


async def test_an_empty_allow_list_allows_nothing(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    stores: list[ImageStore] = [
        MemoryImages(Limits()),
        FolderImages(tmp_path, Limits()),
        S3Images(S3Settings()),
    ]
    for images in stores:
        with pytest.raises(NotAllowed):
            await images.fetch(Location(bucket="photos", key="a.jpg"))


async def test_an_allowed_folder_that_is_missing_is_unavailable_not_gone(tmp_path: Path) -> None:
    async with FolderImages(tmp_path, Limits(allowed_buckets=frozenset({"photos"}))) as images:
        with pytest.raises(Unavailable):
            await images.fetch(Location(bucket="photos", key="a.jpg"))
        with pytest.raises(Unavailable):
            await images.ping()


async def test_a_link_that_leads_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    (tmp_path / "photos" / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    async with FolderImages(tmp_path, Limits(allowed_buckets=frozenset({"photos"}))) as images:
        with pytest.raises(Gone):
            await images.fetch(Location(bucket="photos", key="link.jpg"))
