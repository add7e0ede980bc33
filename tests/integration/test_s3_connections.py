"""Connections to S3 that are kept for the next read: how many, and that dropped ones are no absence."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from schemas.errors import Unavailable
from schemas.uploads import Location
from streams.adapters.s3.images import S3Images
from streams.adapters.s3.settings import S3Settings
from tests.listener import Listener

PHOTO = Location(bucket="photos", key="r1/a.jpg")
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\njpeg"
AT_ONCE = 12


class KeepingStorage:
    """Answers every request with a photograph, and keeps the connection; `forget` is what firewalls do."""

    def __init__(self) -> None:
        self.connections = 0
        self.requests = 0
        self._forgotten = 0
        self._drops_all = False
        self._together = asyncio.Condition()
        self._waiting = 0
        self.gathers = 0
        """Requests that wait for each other before any is answered, so that each has its connection."""

    def forget(self) -> None:
        """Answer nothing on the connections that are there: a request finds the connection closed."""
        self._forgotten = self.connections

    def drop_all(self) -> None:
        """Answer nothing on any connection, new ones too."""
        self._drops_all = True

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = self.connections
        while True:
            await reader.readuntil(b"\r\n\r\n")
            self.requests += 1
            if self._drops_all or number <= self._forgotten:
                return
            await self._all_there()
            writer.write(ANSWER)
            await writer.drain()

    async def _all_there(self) -> None:
        async with self._together:
            self._waiting += 1
            self._together.notify_all()
            await self._together.wait_for(lambda: self._waiting >= self.gathers)


@pytest.fixture
async def storage() -> KeepingStorage:
    return KeepingStorage()


@pytest.fixture
async def images(storage: KeepingStorage) -> AsyncIterator[S3Images]:
    async with Listener(storage.serve) as listener:
        settings = {
            "endpoint_url": f"http://{listener.address}",
            "access_key_id": "a",
            "secret_access_key": "b",
            "buckets": ("photos",),
            "concurrency": AT_ONCE,
            "deadline": 10.0,
        }
        async with S3Images(S3Settings.model_validate(settings)) as opened:
            yield opened


async def read(images: S3Images, times: int) -> None:
    found = await asyncio.gather(*(images.fetch(PHOTO) for _ in range(times)))
    assert {each.data for each in found} == {b"jpeg"}


async def test_reads_one_after_the_other_share_a_connection(
    images: S3Images, storage: KeepingStorage
) -> None:
    for _ in range(20):
        await read(images, 1)
    assert (storage.requests, storage.connections) == (20, 1)


async def test_as_many_connections_as_reads_at_once_are_kept_and_no_more(
    images: S3Images, storage: KeepingStorage
) -> None:
    storage.gathers = AT_ONCE
    await read(images, AT_ONCE)
    assert storage.connections == AT_ONCE
    await read(images, 10 * AT_ONCE)
    assert (storage.requests, storage.connections) == (11 * AT_ONCE, AT_ONCE)


@pytest.mark.parametrize("times", [1, AT_ONCE])
async def test_connections_that_storage_forgot_while_they_were_idle_are_not_its_absence(
    images: S3Images, storage: KeepingStorage, times: int
) -> None:
    storage.gathers = AT_ONCE
    await read(images, AT_ONCE)
    storage.forget()
    await read(images, times)


async def test_storage_that_drops_new_connections_too_is_away_after_few_tries(
    images: S3Images, storage: KeepingStorage
) -> None:
    storage.gathers = AT_ONCE
    await read(images, AT_ONCE)
    storage.drop_all()
    with pytest.raises(Unavailable):
        await read(images, 1)
    fresh = storage.connections - AT_ONCE
    assert 0 < fresh <= 4
