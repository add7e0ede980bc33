"""What files over S3 make of answers that are not what was asked for, from a server that gives them."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

import pytest

from schemas.errors import Changed, Gone, NotAllowed, Unavailable
from schemas.uploads import Location
from streams.adapters.s3.conditional import TRIES
from streams.adapters.s3.files import S3Files
from streams.adapters.s3.settings import S3Settings

from .http_server import Answer, Request, serving

DATA: Final = b"0123456789"
ETAG: Final = hashlib.md5(DATA, usedforsecurity=False).hexdigest()
LIST: Final = Location(bucket="lists", key="r1/a.csv", etag=ETAG)


def answer(status: int, body: bytes = b"", **headers: str) -> Answer:
    said = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, body, {"ETag": f'"{ETAG}"'} | said)


def error(status: int, code: str) -> Answer:
    return Answer(status, f"<Error><Code>{code}</Code></Error>".encode())


@dataclass
class Storage:
    """Answers each method with the next of its answers, the last one again and again."""

    get: list[Answer] = field(default_factory=list)
    head: list[Answer] = field(default_factory=lambda: [answer(200, DATA)])
    put: list[Answer] = field(default_factory=list)
    asked: list[Request] = field(default_factory=list)

    def __call__(self, request: Request) -> Answer:
        self.asked.append(request)
        answers: list[Answer] = {"GET": self.get, "HEAD": self.head, "PUT": self.put}[request.method]
        return answers.pop(0) if len(answers) > 1 else answers[0]


@asynccontextmanager
async def files_of(storage: Callable[[Request], Answer]) -> AsyncIterator[S3Files]:
    async with serving(storage) as address:
        said = {"endpoint_url": f"http://{address}", "access_key_id": "a", "secret_access_key": "b"}
        async with S3Files(S3Settings.model_validate(said | {"buckets": ("lists",)})) as files:
            yield files


async def test_a_range_is_asked_for_of_the_content_that_is_meant() -> None:
    storage = Storage(get=[answer(206, b"234", Content_Range="bytes 2-4/10")])
    async with files_of(storage) as files:
        assert await files.read(LIST, begin=2, end=5) == b"234"
        assert await files.read(LIST.model_copy(update={"etag": None}), begin=2, end=5) == b"234"
    of_etag, of_any = storage.asked
    assert (of_etag.headers["range"], of_etag.headers["if-match"]) == ("bytes=2-4", f'"{ETAG}"')
    assert "if-match" not in of_any.headers


@pytest.mark.parametrize(
    "given",
    [
        answer(206, b"23", Content_Range="bytes 2-3/10"),  # less than was asked for
        answer(206, b"23", Content_Range="bytes 2-4/10"),
        answer(206, b"23", Content_Range="bytes 2-4/10", Content_Length="3"),  # broken off
        answer(206, b"123", Content_Range="bytes 1-3/10"),
        answer(206, b"234", Content_Range="bytes 2-4/*"),
        answer(206, b"2345", Content_Range="bytes 2-5/10"),
        answer(206, b"234"),
        answer(200, DATA),  # a storage that knows no ranges
        answer(200, b"234"),
        Answer(200, b"<p>sign in", {"Content-Type": "text/html"}),
        error(416, "InvalidRange"),  # of an object that has these bytes
        error(403, "AccessDenied"),
        error(404, "NoSuchBucket"),
        error(500, "InternalError"),
    ],
)
async def test_what_is_not_the_bytes_that_were_asked_for_is_unavailable(given: Answer) -> None:
    async with files_of(Storage(get=[given])) as files:
        with pytest.raises(Unavailable):
            await files.read(LIST, begin=2, end=5)


async def test_a_storage_that_knows_no_ranges_is_read_where_the_whole_object_was_asked_for() -> None:
    async with files_of(Storage(get=[answer(200, DATA)])) as files:
        assert await files.read(LIST, begin=0, end=10) == DATA
        assert await files.read(LIST, begin=0, end=11) == DATA
        with pytest.raises(Unavailable):
            await files.read(LIST, begin=0, end=9)


async def test_a_whole_object_that_is_not_the_one_of_its_etag_is_unavailable() -> None:
    async with files_of(Storage(get=[answer(206, b"012345678x", Content_Range="bytes 0-9/10")])) as files:
        with pytest.raises(Unavailable, match="etag"):
            await files.read(LIST, begin=0, end=100)


async def test_another_etag_is_told_also_by_a_storage_that_overlooks_if_match() -> None:
    given = answer(206, b"234", Content_Range="bytes 2-4/10", ETag='"another"')
    async with files_of(Storage(get=[given])) as files:
        with pytest.raises(Changed):
            await files.read(LIST, begin=2, end=5)


async def test_the_end_of_a_shorter_content_is_not_taken_for_the_end_of_the_one_that_is_meant() -> None:
    """Some storages look at the range before they look at the etag."""
    storage = Storage(get=[error(416, "InvalidRange")], head=[answer(200, b"01", ETag='"another"')])
    async with files_of(storage) as files:
        with pytest.raises(Changed):
            await files.read(LIST, begin=5, end=10)


async def test_behind_the_end_of_what_is_gone_by_now_there_is_nothing_to_read() -> None:
    async with files_of(Storage(get=[error(416, "InvalidRange")], head=[Answer(404), Answer(200)])) as files:
        with pytest.raises(Gone):
            await files.read(LIST, begin=50, end=60)


@pytest.mark.parametrize(
    "given",
    [
        Answer(200, DATA),
        Answer(200, b"<p>sign in", {"Content-Type": "text/html"}),
        Answer(403),
        Answer(404),  # and so says the bucket
        Answer(503),
    ],
)
async def test_facts_are_not_made_up_or_denied_where_storage_does_not_say(given: Answer) -> None:
    async with files_of(Storage(head=[given])) as files:
        with pytest.raises(Unavailable):
            await files.facts(LIST)


async def test_a_404_of_a_bucket_that_is_there_means_that_nothing_stands() -> None:
    async with files_of(Storage(head=[Answer(404), Answer(200)])) as files:
        assert await files.facts(LIST) is None


async def test_a_put_that_meets_another_is_tried_again_until_that_is_settled() -> None:
    under_way = error(409, "ConditionalRequestConflict")
    storage = Storage(put=[under_way, under_way, Answer(200)])
    async with files_of(storage) as files:
        assert await files.put_new(LIST, DATA, metadata={"name": "é"})
        storage.put = [under_way, error(412, "PreconditionFailed")]
        assert not await files.put_new(LIST, DATA, metadata={})
    assert [request.headers["if-none-match"] for request in storage.asked] == ["*"] * 5
    assert storage.asked[0].headers["x-amz-meta-name"] == "=?utf-8?b?w6k=?="


async def test_a_put_that_always_meets_another_is_unavailable() -> None:
    storage = Storage(put=[error(409, "ConditionalRequestConflict")])
    async with files_of(storage) as files:
        with pytest.raises(Unavailable, match="under way"):
            await files.put_new(LIST, DATA, metadata={})
    assert len(storage.asked) == TRIES


@pytest.mark.parametrize(
    ("status", "code"), [(403, "AccessDenied"), (404, "NoSuchBucket"), (500, "InternalError")]
)
async def test_a_put_that_storage_refuses_is_unavailable(status: int, code: str) -> None:
    async with files_of(Storage(put=[error(status, code)])) as files:
        with pytest.raises(Unavailable, match=code):
            await files.put_new(LIST, DATA, metadata={})


async def test_nothing_is_asked_for_an_empty_range_another_bucket_or_a_key_that_leads_out() -> None:
    storage = Storage()
    async with files_of(storage) as files:
        assert await files.read(LIST, begin=3, end=3) == b""
        elsewhere = Location(bucket="elsewhere", key="a.csv")
        for foreign in (
            files.facts(elsewhere),
            files.read(elsewhere, begin=0, end=1),
            files.put_new(elsewhere, DATA, metadata={}),
            files.keys("elsewhere", ""),
        ):
            with pytest.raises(NotAllowed):
                await foreign
        leading_out = Location(bucket="lists", key="../secrets/a.csv")
        assert await files.facts(leading_out) is None
        for refused in (
            files.read(leading_out, begin=0, end=1),
            files.put_new(leading_out, DATA, metadata={}),
        ):
            with pytest.raises(Gone):
                await refused
    assert storage.asked == []
