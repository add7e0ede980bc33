"""What the S3 adapter makes of every way a storage can fail, over a server that fails on purpose."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from types import ModuleType

import aiohttp
import botocore.exceptions
import pytest

from schemas.errors import ConfigurationError, Gone, NotAllowed, TagstreamError, TooLarge, Unavailable
from schemas.uploads import Location
from streams.adapters.s3 import errors
from streams.adapters.s3.images import S3Images
from streams.adapters.s3.settings import S3Settings
from tests.listener import Listener

PHOTO = Location(bucket="photos", key="r1/a.jpg")
VERSIONED = Location(bucket="photos", key="r1/a.jpg", version="not-a-version")
CLIMBING = Location(bucket="photos", key="r1/../secret.jpg")
MEBIBYTE = 1024 * 1024


class FaultyStorage:
    """Answers every GET with the same bytes, HEAD with 200, and remembers what it was asked.

    While it is well it answers with an object.
    """

    def __init__(self, answer: bytes, *, body_chunks: int = 0, stall: float = 0.0) -> None:
        self._answer = answer
        self._body_chunks = body_chunks
        self._stall = stall
        self.asked: list[str] = []
        self.stalled = 0
        self.most_stalled = 0
        self.sent = 0
        self.url = ""
        self.is_well = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.asked.append(head.splitlines()[0])
        if self.is_well:
            writer.write(http("200 OK"))
        else:
            await self._reply(head, writer)

    async def _reply(self, head: str, writer: asyncio.StreamWriter) -> None:
        if head.startswith("HEAD"):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return
        writer.write(self._answer)
        await writer.drain()
        await self._wait()
        for _ in range(self._body_chunks):
            writer.write(bytes(MEBIBYTE))
            await writer.drain()
            self.sent += MEBIBYTE

    async def _wait(self) -> None:
        self.stalled += 1
        self.most_stalled = max(self.stalled, self.most_stalled)
        await asyncio.sleep(self._stall)
        self.stalled -= 1


@asynccontextmanager
async def serving(storage: FaultyStorage) -> AsyncIterator[FaultyStorage]:
    async with Listener(storage.serve) as listener:
        storage.url = f"http://{listener.address}"
        yield storage


def settings(url: str, **given: object) -> S3Settings:
    return S3Settings.model_validate(
        {
            "endpoint_url": url,
            "access_key_id": "a",
            "secret_access_key": "b",
            "buckets": ("photos",),
            "deadline": 20.0,  # what is not about it may take its time on a busy machine
            "max_object_bytes": MEBIBYTE,
        }
        | given
    )


def http(status: str, *, code: str = "", headers: str = "", length: int | None = None) -> bytes:
    body = f"<Error><Code>{code}</Code><Message>so it is</Message></Error>".encode() if code else b""
    size = len(body) if length is None else length
    head = f"HTTP/1.1 {status}\r\nContent-Length: {size}\r\nConnection: close\r\n{headers}\r\n"
    return head.encode() + body


async def error_of(storage: FaultyStorage, location: Location = PHOTO, **given: object) -> TagstreamError:
    """What reading fails with: the first read of a bucket, and a later one alike, with as many requests."""
    async with serving(storage):
        first, asked = await _error_of(storage, location, given, later=False)
        later, asked_later = await _error_of(storage, location, given, later=True)
    assert (type(later), str(later), asked_later) == (type(first), str(first), asked)
    return later


async def _error_of(
    storage: FaultyStorage, location: Location, given: Mapping[str, object], *, later: bool
) -> tuple[TagstreamError, list[str]]:
    async with S3Images(settings(storage.url, **given)) as images:
        storage.is_well = True
        if later:
            await images.fetch(PHOTO)
        storage.is_well = False
        storage.asked.clear()
        storage.sent = 0
        with pytest.raises(TagstreamError) as caught:
            await images.fetch(location)
        return caught.value, list(storage.asked)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("403 Forbidden", "AccessDenied"),
        ("403 Forbidden", "InvalidAccessKeyId"),
        ("403 Forbidden", "SignatureDoesNotMatch"),
        ("403 Forbidden", "RequestTimeTooSkewed"),
        ("403 Forbidden", "AccountProblem"),
        ("403 Forbidden", ""),
        ("400 Bad Request", "ExpiredToken"),
        ("400 Bad Request", "InvalidToken"),
        ("400 Bad Request", "AuthorizationHeaderMalformed"),
        ("400 Bad Request", "RequestTimeout"),
        ("404 Not Found", "NoSuchBucket"),
        ("429 Too Many Requests", "TooManyRequests"),
        ("500 Internal Server Error", "InternalError"),
        ("502 Bad Gateway", ""),
        ("503 Service Unavailable", "SlowDown"),
        ("503 Service Unavailable", "ServiceUnavailable"),
        ("504 Gateway Timeout", ""),
        ("301 Moved Permanently", "PermanentRedirect"),
    ],
)
async def test_what_is_not_about_the_one_object_is_unavailable(status: str, code: str) -> None:
    error = await error_of(FaultyStorage(http(status, code=code)))
    assert isinstance(error, Unavailable)
    assert error.dependency == "s3"


@pytest.mark.parametrize(
    ("status", "code", "headers", "location"),
    [
        ("404 Not Found", "NoSuchKey", "", PHOTO),
        ("404 Not Found", "NoSuchVersion", "", VERSIONED),
        ("405 Method Not Allowed", "MethodNotAllowed", "x-amz-delete-marker: true\r\n", VERSIONED),
        ("400 Bad Request", "InvalidArgument", "", VERSIONED),
        ("400 Bad Request", "KeyTooLongError", "", PHOTO),
        ("410 Gone", "", "", PHOTO),
        ("404 Not Found", "", "", PHOTO),
        ("400 Bad Request", "", "", CLIMBING),
    ],
)
async def test_what_is_about_the_one_object_is_gone(
    status: str, code: str, headers: str, location: Location
) -> None:
    error = await error_of(FaultyStorage(http(status, code=code, headers=headers)), location)
    assert isinstance(error, Gone)


async def test_a_404_of_a_server_that_has_no_such_bucket_either_is_unavailable() -> None:
    class NotS3(FaultyStorage):
        async def _reply(self, _head: str, writer: asyncio.StreamWriter) -> None:
            writer.write(http("404 Not Found"))

    assert isinstance(await error_of(NotS3(b"")), Unavailable)


class Heads(FaultyStorage):
    """Answers every HEAD with the same bytes; those for the bucket with 200 where it is there."""

    def __init__(self, answer: bytes, *, has_bucket: bool = True) -> None:
        super().__init__(answer)
        self._has_bucket = has_bucket

    async def _reply(self, head: str, writer: asyncio.StreamWriter) -> None:
        of_bucket = head.startswith("HEAD /photos HTTP")
        writer.write(http("200 OK") if of_bucket and self._has_bucket else self._answer)


async def existence(storage: FaultyStorage, location: Location = PHOTO) -> bool:
    async with serving(storage), S3Images(settings(storage.url)) as images:
        return await images.exists(location)


async def test_existence_is_told_by_a_head_of_what_stands_now_and_of_no_version() -> None:
    storage = Heads(http("200 OK"))
    assert await existence(storage, VERSIONED)
    assert storage.asked == ["HEAD /photos/r1/a.jpg HTTP/1.1"]


async def test_a_404_of_a_bucket_that_is_there_means_that_nothing_stands() -> None:
    assert not await existence(Heads(http("404 Not Found")))


async def test_a_400_for_a_key_that_is_too_long_means_that_nothing_stands() -> None:
    long = Location(bucket="photos", key="é" * 600)
    assert not await existence(Heads(http("400 Bad Request")), long)


@pytest.mark.parametrize(
    "status", ["400 Bad Request", "403 Forbidden", "500 Internal Server Error", "503 Slow Down"]
)
async def test_existence_is_not_denied_by_a_storage_that_does_not_say(status: str) -> None:
    with pytest.raises(Unavailable):
        await existence(Heads(http(status)))


async def test_existence_is_not_denied_by_a_server_that_has_no_such_bucket() -> None:
    with pytest.raises(Unavailable):
        await existence(Heads(http("404 Not Found"), has_bucket=False))


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 2",
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        b"HTTP/1.1 500 \xff\xfe\r\nContent-Length: 0\r\n\r\n",
    ],
)
async def test_half_an_answer_or_none_or_nonsense_is_unavailable(answer: bytes) -> None:
    assert isinstance(await error_of(FaultyStorage(answer)), Unavailable)


async def test_a_body_that_stalls_is_unavailable_at_the_deadline() -> None:
    stalled = FaultyStorage(http("200 OK", length=100), stall=30)
    async with asyncio.timeout(20):
        error = await error_of(stalled, deadline=1.0)
    assert isinstance(error, Unavailable)


async def test_a_body_that_trickles_is_unavailable_at_the_deadline() -> None:
    class Trickling(FaultyStorage):
        async def _reply(self, _head: str, writer: asyncio.StreamWriter) -> None:
            writer.write(http("200 OK", length=100))
            for _ in range(100):
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.05)

    async with asyncio.timeout(20):
        assert isinstance(await error_of(Trickling(b""), deadline=1.0), Unavailable)


async def test_nobody_at_the_endpoint_is_unavailable() -> None:
    async with serving(FaultyStorage(b"")) as storage:
        url = storage.url
    async with S3Images(settings(url)) as images:
        for ask in (images.fetch(PHOTO), images.ping()):
            with pytest.raises(Unavailable):
                await ask


async def test_a_name_that_does_not_resolve_is_unavailable() -> None:
    async with S3Images(settings("http://storage.invalid")) as images:
        with pytest.raises(Unavailable):
            await images.fetch(PHOTO)


async def test_of_200_megabytes_almost_nothing_is_read() -> None:
    huge = FaultyStorage(http("200 OK", length=200 * MEBIBYTE), body_chunks=200)
    assert isinstance(await error_of(huge), TooLarge)
    assert huge.sent <= 16 * MEBIBYTE  # what the buffers of two sockets swallow


async def test_an_object_without_a_stated_size_is_cut_off_at_the_cap() -> None:
    endless = FaultyStorage(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", body_chunks=200)
    assert isinstance(await error_of(endless), TooLarge)
    assert endless.sent <= 16 * MEBIBYTE


async def test_no_more_objects_are_fetched_at_once_than_the_setting_says() -> None:
    slow = FaultyStorage(http("200 OK", length=MEBIBYTE), body_chunks=1, stall=0.05)
    async with serving(slow), S3Images(settings(slow.url, concurrency=3)) as images:
        await asyncio.gather(*(images.fetch(PHOTO) for _ in range(12)))
    assert slow.most_stalled == 3


async def test_no_more_bytes_are_in_flight_than_the_setting_says() -> None:
    half = MEBIBYTE // 2
    slow = FaultyStorage(http("200 OK", length=half) + bytes(half), stall=0.02)
    async with serving(slow), S3Images(settings(slow.url, bytes_in_flight=MEBIBYTE)) as images:
        fetches = [asyncio.ensure_future(images.fetch(PHOTO)) for _ in range(8)]
        while not all(fetch.done() for fetch in fetches):
            assert images.budget.in_use <= MEBIBYTE
            await asyncio.sleep(0.001)
        assert [len((await fetch).data) for fetch in fetches] == [half] * 8
        assert images.budget.in_use == 0


async def test_a_bucket_off_the_allow_list_is_never_asked_for() -> None:
    async with serving(FaultyStorage(http("200 OK"))) as storage, S3Images(settings(storage.url)) as images:
        with pytest.raises(NotAllowed):
            await images.fetch(Location(bucket="private", key="a.jpg"))
    assert storage.asked == []


@pytest.mark.parametrize(
    ("key", "path"),
    [("a/../b.jpg", "/photos/a/../b.jpg"), ("/a.jpg", "/photos//a.jpg"), ("a/./b//c", "/photos/a/./b//c")],
)
async def test_a_key_is_asked_for_as_it_is(key: str, path: str) -> None:
    async with serving(FaultyStorage(http("200 OK"))) as storage, S3Images(settings(storage.url)) as images:
        await images.fetch(Location(bucket="photos", key=key))
    assert storage.asked == [f"GET {path} HTTP/1.1"]


async def test_a_version_is_asked_for_where_the_location_has_one() -> None:
    async with serving(FaultyStorage(http("200 OK"))) as storage, S3Images(settings(storage.url)) as images:
        await images.fetch(VERSIONED)
    assert storage.asked == ["GET /photos/r1/a.jpg?versionId=not-a-version HTTP/1.1"]


@pytest.mark.parametrize("url", ["nonsense", "http://", "http://a b"])
async def test_an_endpoint_that_is_no_address_is_a_wrong_setting(url: str) -> None:
    with pytest.raises(ConfigurationError, match="s3"):
        await S3Images(settings(url)).__aenter__()


def test_a_secret_key_is_not_shown() -> None:
    assert "b" not in repr(settings("http://127.0.0.1")).split("secret_access_key=")[1].split(",")[0]


def _exceptions(module: ModuleType) -> Iterator[type[Exception]]:
    for _, found in inspect.getmembers(module, inspect.isclass):
        if issubclass(found, Exception) and not issubclass(found, Warning):
            yield found


def _made(kind: type[Exception]) -> Exception:
    """One of its kind, made without its constructor: each wants other arguments."""
    said = {"__init__": Exception.__init__, "__str__": lambda _: "as it said", "response": {}}
    error: Exception = type(kind.__name__, (kind,), said)()
    return error


AIOHTTP = [kind for kind in _exceptions(aiohttp.client_exceptions) if issubclass(kind, aiohttp.ClientError)]
FOREIGN = [*_exceptions(botocore.exceptions), *AIOHTTP]


def test_there_are_foreign_exceptions_to_walk() -> None:
    assert len(FOREIGN) > 100


@pytest.mark.parametrize("kind", FOREIGN, ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
async def test_no_foreign_exception_leaks(kind: type[Exception]) -> None:
    class Failing:
        async def get_object(self, **_: object) -> None:
            raise _made(kind)

    images = S3Images(settings("http://127.0.0.1"))
    images._opened = Failing()  # type: ignore[assignment]
    with pytest.raises(Unavailable):
        await images.fetch(PHOTO)
    assert issubclass(kind, errors.FOREIGN)
