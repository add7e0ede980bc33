"""Whatever an event says, only the allowed buckets at the configured endpoint are ever asked.

Every name that is looked up and every address that is connected to is recorded, and the storage records
every line that it is asked.
"""

from __future__ import annotations

import asyncio
import json
import posixpath
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from aiobotocore.awsrequest import AioAWSResponse
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from schemas import wire
from schemas.errors import Gone, NotAllowed, Rejected, TagstreamError, Unavailable
from schemas.naming import Keys, Naming
from schemas.uploads import Location
from schemas.wire import Uploaded
from streams.adapters.s3.images import S3Images
from streams.adapters.s3.settings import S3Settings
from tests.listener import Listener

BUCKET = "photos"
OK = b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nETag: "x"\r\nConnection: close\r\n\r\nok'
ELSEWHERE = "evil.example"


class Recorder:
    """Which names this process looked up and where it connected to, while it was told to look."""

    def __init__(self) -> None:
        self._asked: set[tuple[str, Any]] | None = None
        sys.addaudithook(self._hear)  # for good: it cannot be taken back

    @contextmanager
    def recording(self) -> Iterator[set[tuple[str, Any]]]:
        asked: set[tuple[str, Any]] = set()
        self._asked = asked
        try:
            yield asked
        finally:
            self._asked = None

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._asked is None:
            return
        if event == "socket.getaddrinfo":
            self._asked.add((str(arguments[0]), arguments[1]))
        elif event == "socket.connect" and isinstance(arguments[1], tuple):
            self._asked.add(arguments[1][:2])


RECORDER = Recorder()


class Storage:
    """Gives the same answer to everything, and remembers what it was asked."""

    def __init__(self) -> None:
        self.answer = OK
        self.asked: list[tuple[str, str]] = []
        """The path asked for, and the host that was meant."""
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        host = next(line.split(":", 1)[1].strip() for line in head if line.lower().startswith("host:"))
        self.asked.append((head[0].split(" ")[1], host))
        writer.write(self.answer)
        await writer.drain()


@asynccontextmanager
async def serving() -> AsyncIterator[Storage]:
    storage = Storage()
    async with Listener(storage.serve) as listener:
        storage.port = listener.port
        yield storage


@asynccontextmanager
async def reading(storage: Storage) -> AsyncIterator[S3Images]:
    where = S3Settings(
        endpoint_url=f"http://127.0.0.1:{storage.port}",
        buckets=(BUCKET,),
        access_key_id=SecretStr("a"),
        secret_access_key=SecretStr("b"),
        deadline=5,
    )
    async with S3Images(where) as images:
        yield images


def is_inside(target: str) -> bool:
    """Whether a server that knows paths as folders would give an object of the bucket for it."""
    path = unquote(urlsplit(target).path)
    return posixpath.normpath("/" + path.lstrip("/")).startswith(f"/{BUCKET}/")


async def asked_for(*locations: Location, answer: bytes = OK) -> list[tuple[str, str]]:
    """Fetch, look and link each; what the storage was asked. Fails where anybody else was."""
    async with serving() as storage, reading(storage) as images:
        storage.answer = answer
        with RECORDER.recording() as contacts:
            for location in locations:
                for ask in (images.fetch(location), images.exists(location)):
                    try:
                        await ask
                    except (Rejected, Unavailable):
                        continue
        assert {host for host, _ in contacts} <= {"127.0.0.1"}
        assert {port for _, port in contacts} <= {storage.port}
        assert {host for _, host in storage.asked} <= {f"127.0.0.1:{storage.port}"}
        return storage.asked


ORDINARY = ("r1/a.jpg", "a b é.jpg", "a//b.jpg", "/a.jpg", "a/../b.jpg", "a/./b.jpg", "...", "a..b")
STRANGE = (
    "%2e%2e%2fsecrets",
    "%252e%252e/secrets",
    "a\0b",
    "..\\secrets",
    "．．/secrets",  # noqa: RUF001 - two full-width stops
    "\u2025/secrets",
    "http://evil.example/a",
    "//evil.example/a",
    "@evil.example/a",
    "\r\nHost: evil.example\r\n\r\nGET /secrets/a HTTP/1.1",
    "?versions",
    "#fragment",
    "a?acl",
    "k" * 1024,
)
CLIMBING = (
    "..",
    "../secrets/a",
    "a/../../secrets/a",
    "/../secrets/a",
    ".",
    "./",
    "a/..",
    "a/../",
    "x/./../..",
)


@pytest.mark.parametrize("key", [*ORDINARY, *STRANGE])
async def test_a_key_is_asked_for_in_its_bucket_at_the_endpoint(key: str) -> None:
    asked = await asked_for(Location(bucket=BUCKET, key=key))
    assert asked
    for target, _ in asked:
        assert urlsplit(target).query == ""
        assert unquote(urlsplit(target).path) == f"/{BUCKET}/{key}"


@pytest.mark.parametrize("key", CLIMBING)
async def test_a_key_that_leads_out_of_its_bucket_is_never_asked_for(key: str) -> None:
    climbing = Location(bucket=BUCKET, key=key)
    assert await asked_for(climbing) == []
    async with serving() as storage, reading(storage) as images:
        for ask in (images.fetch(climbing), images.link(climbing, seconds=60), images.put(climbing, b"")):
            with pytest.raises(Gone, match="is not inside its bucket"):
                await ask
        assert not await images.exists(climbing)
        assert storage.asked == []


BUCKETS = (
    "secrets",
    "PHOTOS",
    "photos ",
    "photos/../secrets",
    "photos/",
    "./photos",
    "%70hotos",
    "evil.example",
    "evil.example/?",
    "a@evil.example",
    "evil.example:80",
    "photos?x=",
    "photos#",
    "photos\0",
    "arn:aws:s3:us-east-1:123456789012:accesspoint/photos",
    "arn:aws:s3-outposts:us-east-1:123456789012:outpost/op-1/accesspoint/photos",
    "arn:aws:s3-object-lambda:us-east-1:123456789012:accesspoint/photos",
    "photos--use1-az4--x-s3",
)


@pytest.mark.parametrize("bucket", BUCKETS)
async def test_another_bucket_is_never_asked_linked_or_written(bucket: str) -> None:
    elsewhere = Location(bucket=bucket, key="a.jpg")
    assert await asked_for(elsewhere) == []
    async with serving() as storage, reading(storage) as images:
        for ask in (images.link(elsewhere, seconds=60), images.put(elsewhere, b"")):
            with pytest.raises(NotAllowed):
                await ask
        assert storage.asked == []


async def test_an_address_for_a_person_leads_to_the_endpoint_and_the_bucket() -> None:
    async with serving() as storage, reading(storage) as images:
        for key in (*ORDINARY, *STRANGE):
            address = urlsplit(await images.link(Location(bucket=BUCKET, key=key), seconds=60))
            assert (address.hostname, address.port) == ("127.0.0.1", storage.port)
            assert unquote(address.path) == f"/{BUCKET}/{key}"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("region", ["us-west-2", f"{ELSEWHERE}/?"])
async def test_a_storage_that_sends_us_elsewhere_is_not_followed(status: int, region: str) -> None:
    answer = (
        f"HTTP/1.1 {status} Moved\r\nLocation: http://{ELSEWHERE}/{BUCKET}/a.jpg\r\n"
        f"x-amz-bucket-region: {region}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    ).encode()
    asked = await asked_for(Location(bucket=BUCKET, key="a.jpg"), answer=answer)
    assert asked
    assert all(is_inside(target) or target == f"/{BUCKET}" for target, _ in asked)


ENDPOINTS = st.fixed_dictionaries(
    {},
    optional={
        name: st.sampled_from(
            [f"http://{ELSEWHERE}", "http://169.254.169.254/latest/meta-data/", "file:///etc"]
        )
        for name in ("endpoint", "endpoint_url", "url", "host", "responseElements", "region", "awsRegion")
    },
)
WORDS = st.sampled_from([*BUCKETS, *ORDINARY, *STRANGE, *CLIMBING, BUCKET, f"{BUCKET}/..", "169.254.169.254"])
NAMES = st.one_of(
    WORDS, st.text(min_size=1, max_size=40), st.lists(WORDS, min_size=2, max_size=3).map("/".join)
)


@st.composite
def events(draw: st.DrawFn) -> bytes:
    """An event of a producer, or a notification of storage, from somebody who means harm."""
    bucket = draw(st.one_of(st.just(BUCKET), NAMES))
    key, said = draw(NAMES), draw(ENDPOINTS)
    if draw(st.booleans()):
        location = {"bucket": bucket, "key": key, **said}
        document: Any = {"location": location, "uploaded_at": "2026-01-01T00:00:00Z", **said}
    else:
        s3 = {"bucket": {"name": bucket, **said}, "object": {"key": key, "size": 1, **said}, **said}
        record = {
            "eventVersion": "2.1",
            "eventName": "ObjectCreated:Put",
            "eventTime": "2026-01-01T00:00:00Z",
        }
        document = {"Records": [{**said, **record, "s3": s3}]}
    return json.dumps(document).encode()


@settings(max_examples=40)
@given(message=events(), keys=st.sampled_from(Keys))
def test_whatever_an_event_says_only_the_bucket_at_the_endpoint_is_asked(message: bytes, keys: Keys) -> None:
    try:
        told = wire.decode(message, {}, naming=Naming(keys=keys))
    except TagstreamError:
        return
    locations = [each.upload.location for each in told if isinstance(each, Uploaded)]
    asked = asyncio.run(asked_for(*locations))
    assert all(is_inside(target) for target, _ in asked)


@pytest.mark.parametrize(
    ("region", "hosts"),
    [
        ("us-west-2", ["photos.s3.amazonaws.com", "photos.s3.us-west-2.amazonaws.com"]),
        (ELSEWHERE, ["photos.s3.amazonaws.com"]),
        (f"{ELSEWHERE}/", ["photos.s3.amazonaws.com"]),
        (f"x@{ELSEWHERE}#", ["photos.s3.amazonaws.com"]),
    ],
)
async def test_without_an_endpoint_a_region_is_asked_at_aws_alone(region: str, hosts: list[str]) -> None:
    asked: list[str] = []

    class Nothing:
        async def read(self) -> bytes:
            return b""

    async def answer(request: Any, **_: object) -> AioAWSResponse:
        asked.append(urlsplit(request.url).hostname or "")
        headers: Any = {"x-amz-bucket-region": region}
        return AioAWSResponse(request.url, 301, headers, Nothing())

    keys = {"access_key_id": SecretStr("a"), "secret_access_key": SecretStr("b")}
    where = S3Settings(buckets=(BUCKET,), **keys)
    async with S3Images(where) as images:
        events: Any = images._client.meta.events
        events.register("before-send.s3", answer)
        with pytest.raises(Unavailable):
            await images.fetch(Location(bucket=BUCKET, key="a.jpg"))
    assert asked == hosts
