"""What whoever reads and puts objects as files is promised: by range, of one content, and over nothing."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from uuid import uuid4

import pytest

from schemas.errors import Changed, Gone, NotAllowed, Unavailable
from schemas.uploads import Location
from streams.adapters.limits import Limits
from streams.adapters.memory import MemoryImages
from streams.adapters.s3.files import S3Files
from streams.adapters.s3.images import S3Images
from streams.ports import ObjectFiles

from .object_places import s3_settings

DATA = bytes(range(256)) * 300
LEADING_OUT = ["../secret", "a/../../secret", "..", "a/.."]
WRITERS = 16


@dataclass
class Place:
    """A place under test, with one bucket, and how its objects come to be without it."""

    files: ObjectFiles
    bucket: str
    images: MemoryImages | S3Images

    def at(self, key: str, etag: str | None = None) -> Location:
        return Location(bucket=self.bucket, key=key, etag=etag)

    async def put(self, key: str, data: bytes, **metadata: str) -> Location:
        """With its etag, as whoever made a job of it keeps it."""
        put = await self.images.put(self.at(key), data, metadata=metadata)
        return put.model_copy(update={"version": None})


@pytest.fixture(params=["memory", "s3", pytest.param("versitygw", marks=pytest.mark.real)])
async def place(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    bucket = f"lists-{uuid4().hex}"
    if request.param == "memory":
        memory = MemoryImages(Limits(buckets=(bucket,)))
        yield Place(memory, bucket, memory)
        return
    async with AsyncExitStack() as stack:
        where = s3_settings(request.param, request, bucket)
        images = await stack.enter_async_context(S3Images(where))
        await images.ensure_bucket(bucket)
        yield Place(await stack.enter_async_context(S3Files(where)), bucket, images)


@pytest.fixture(params=["s3", pytest.param("versitygw", marks=pytest.mark.real)])
async def without_bucket(request: pytest.FixtureRequest) -> AsyncIterator[S3Files]:
    async with S3Files(s3_settings(request.param, request, "nobody-made-it")) as files:
        yield files


async def test_the_facts_of_an_object_are_its_etag_its_size_and_what_was_said_with_it(place: Place) -> None:
    put = await place.put("r 1/é+b.csv", DATA, Uploader="ann", place="Zürich 東京")
    found = await place.files.facts(place.at("r 1/é+b.csv"))
    assert found is not None
    assert (found.etag, found.size) == (put.etag, len(DATA))
    assert found.etag == hashlib.md5(DATA, usedforsecurity=False).hexdigest()
    assert found.metadata == {"uploader": "ann", "place": "Zürich 東京"}


async def test_facts_are_of_what_stands_now_whatever_the_location_says(place: Place) -> None:
    before = await place.put("a.csv", b"before")
    now = await place.put("a.csv", b"now")
    found = await place.files.facts(before)
    assert found is not None
    assert (found.etag, found.size) == (now.etag, 3)


@pytest.mark.parametrize("key", ["missing.csv", "r1", "é" * 1024, *LEADING_OUT])
async def test_of_what_is_not_there_there_are_no_facts(place: Place, key: str) -> None:
    await place.put("r1/a.csv", b"a")
    assert await place.files.facts(place.at(key)) is None


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        (0, 1),
        (0, len(DATA)),
        (17, 18),
        (1000, 70_000),
        (0, len(DATA) - 1),
        (len(DATA) - 1, len(DATA)),
        (len(DATA) - 5, len(DATA) + 5),
        (0, len(DATA) * 9),
        (len(DATA), len(DATA) + 5),
        (len(DATA) * 2, len(DATA) * 3),
    ],
)
async def test_a_range_is_read_byte_for_byte_as_far_as_the_object_goes(
    place: Place, begin: int, end: int
) -> None:
    put = await place.put("a.csv", DATA)
    for location in (put, place.at("a.csv")):
        assert await place.files.read(location, begin=begin, end=end) == DATA[begin:end]


async def test_an_empty_object_has_no_bytes(place: Place) -> None:
    put = await place.put("a.csv", b"")
    assert await place.files.read(put, begin=0, end=10) == b""
    assert await place.files.read(put, begin=5, end=10) == b""


async def test_an_empty_range_is_nothing_and_asks_nothing(place: Place) -> None:
    for begin, end in ((0, 0), (5, 5), (5, 4)):
        assert await place.files.read(place.at("missing.csv"), begin=begin, end=end) == b""


async def test_many_ranges_at_once_make_up_the_object(place: Place) -> None:
    put = await place.put("a.csv", DATA)
    begins = range(0, len(DATA), 5000)
    parts = (place.files.read(put, begin=begin, end=begin + 5000) for begin in begins)
    assert b"".join(await asyncio.gather(*parts)) == DATA


@pytest.mark.parametrize("begin", [0, 3, 6, 100])
async def test_another_content_than_that_of_the_etag_is_not_read(place: Place, begin: int) -> None:
    await place.put("a.csv", b"others")
    meant = place.at("a.csv", hashlib.md5(b"a", usedforsecurity=False).hexdigest())
    with pytest.raises(Changed, match=r"a\.csv is not what it was"):
        await place.files.read(meant, begin=begin, end=begin + 5)


@pytest.mark.parametrize("later", [b"short", b"another as long as it", b"", DATA])
async def test_what_is_overwritten_between_two_reads_is_told_and_not_mixed(
    place: Place, later: bytes
) -> None:
    put = await place.put("a.csv", b"0123456789 0123456789")
    assert await place.files.read(put, begin=0, end=10) == b"0123456789"
    await place.put("a.csv", later)
    with pytest.raises(Changed):
        await place.files.read(put, begin=10, end=20)
    assert await place.files.read(place.at("a.csv"), begin=10, end=20) == later[10:20]


@pytest.mark.parametrize("key", ["missing.csv", "r1", "é" * 1024])
async def test_what_is_not_there_is_gone(place: Place, key: str) -> None:
    await place.put("r1/a.csv", b"a")
    for location in (place.at(key), place.at(key, "0" * 32)):
        for begin in (0, 100):
            with pytest.raises(Gone):
                await place.files.read(location, begin=begin, end=begin + 1)


async def test_what_was_removed_between_two_reads_is_gone(place: Place) -> None:
    put = await place.put("a.csv", DATA)
    await place.images.remove(put)
    with pytest.raises(Gone):
        await place.files.read(put, begin=10, end=20)


async def test_a_new_object_is_put_with_what_is_said_of_it(place: Place) -> None:
    said = {"Sha256": "0a", "runner": "host 1/7", "name": "é 東京 =?"}
    assert await place.files.put_new(place.at("r 1/part é.csv"), DATA, metadata=said)
    found = await place.files.facts(place.at("r 1/part é.csv"))
    assert found is not None
    assert found.size == len(DATA)
    assert found.metadata == {"sha256": "0a", "runner": "host 1/7", "name": "é 東京 =?"}
    assert await place.files.read(place.at("r 1/part é.csv", found.etag), begin=0, end=10**6) == DATA
    assert await place.files.keys(place.bucket, "r 1/") == ("r 1/part é.csv",)


async def test_what_stands_there_is_kept_and_that_is_said(place: Place) -> None:
    assert await place.files.put_new(place.at("a.csv"), b"first", metadata={"by": "ann"})
    for again in (b"second", b"first"):
        assert not await place.files.put_new(place.at("a.csv"), again, metadata={"by": "bo"})
    found = await place.files.facts(place.at("a.csv"))
    assert found is not None
    assert found.metadata == {"by": "ann"}
    assert await place.files.read(place.at("a.csv"), begin=0, end=10) == b"first"


async def test_of_many_who_put_a_new_object_at_once_one_does(place: Place) -> None:
    for race in range(4):
        location, contents = place.at(f"{race}.csv"), [b"%d" % writer * 2000 for writer in range(WRITERS)]
        puts = (place.files.put_new(location, data, metadata={"size": str(len(data))}) for data in contents)
        won = await asyncio.gather(*puts)
        stands = await place.files.read(location, begin=0, end=10_000)
        assert [data for data, is_ours in zip(contents, won, strict=True) if is_ours] == [stands]


Call = Callable[[ObjectFiles, Location], Awaitable[object]]
CALLS: dict[str, Call] = {
    "facts": lambda files, location: files.facts(location),
    "read": lambda files, location: files.read(location, begin=0, end=1),
    "read nothing": lambda files, location: files.read(location, begin=0, end=0),
    "put_new": lambda files, location: files.put_new(location, b"x", metadata={}),
    "keys": lambda files, location: files.keys(location.bucket, location.key),
}


@pytest.mark.parametrize("call", CALLS)
async def test_a_bucket_off_the_allow_list_is_not_asked(place: Place, call: str) -> None:
    with pytest.raises(NotAllowed, match="elsewhere"):
        await CALLS[call](place.files, Location(bucket="elsewhere", key="a.csv"))


@pytest.mark.parametrize("key", LEADING_OUT)
@pytest.mark.parametrize("call", ["read", "read nothing", "put_new"])
async def test_a_key_that_leads_out_of_its_bucket_is_refused(place: Place, call: str, key: str) -> None:
    with pytest.raises(Gone):
        await CALLS[call](place.files, place.at(key))
    assert await place.files.keys(place.bucket, "") == ()


@pytest.mark.parametrize("call", [call for call in CALLS if call != "read nothing"])
async def test_a_bucket_that_is_not_there_is_unavailable_not_gone(without_bucket: S3Files, call: str) -> None:
    with pytest.raises(Unavailable):
        await CALLS[call](without_bucket, Location(bucket="nobody-made-it", key="a.csv"))
