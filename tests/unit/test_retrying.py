"""Ports behind retry: a fetch holds a slot for its bytes, and for nothing else."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext

import pytest

from model.testing import settle
from schemas.errors import Gone, Unavailable
from schemas.uploads import Location
from streams.adapters.limits import Limits
from streams.adapters.memory import MemoryImages
from streams.ports import IMAGES, Fetched
from streams.resilience.retry import Backoff, Dependencies
from streams.resilience.retrying import RetryingImages, Slots

WHERE = Location(bucket="photos", key="a.jpg")


class Storage(MemoryImages):
    """Refuses until it is back."""

    def __init__(self) -> None:
        super().__init__(Limits(buckets=("photos",)))
        self.is_away = False

    async def fetch(self, location: Location) -> Fetched:
        if self.is_away:
            raise Unavailable(IMAGES)
        return await super().fetch(location)


class Rig:
    """One slot, and what is told of it."""

    def __init__(self) -> None:
        self.storage = Storage()
        self.taken = 0
        dependency = Dependencies(Backoff(first=0.0001, longest=0.0001)).of(IMAGES)
        slots = Slots(1, count=self._count)
        self.images = RetryingImages(self.storage, dependency, slots=slots, attempts=10_000)

    def _count(self, change: int) -> None:
        self.taken += change

    async def fetch(self) -> bytes:
        async with self.images.fetch(WHERE, timed=nullcontext) as fetched:
            return fetched.data


@pytest.fixture
async def rig() -> Rig:
    rig = Rig()
    await rig.storage.put(WHERE, b"bytes")
    return rig


async def test_a_slot_is_held_for_the_block_and_given_back(rig: Rig) -> None:
    async with rig.images.fetch(WHERE, timed=nullcontext) as fetched:
        assert (fetched.data, rig.taken) == (b"bytes", 1)
        waiting = asyncio.create_task(rig.fetch())
        await settle()
        assert not waiting.done()
    assert await waiting == b"bytes"
    assert rig.taken == 0


async def test_who_waits_for_a_storage_that_is_away_holds_no_slot(rig: Rig) -> None:
    rig.storage.is_away = True
    first, second = asyncio.create_task(rig.fetch()), asyncio.create_task(rig.fetch())
    while [task for task in (first, second) if not task.done()] and rig.taken:
        await asyncio.sleep(0)
    await settle()
    assert rig.taken == 0
    rig.storage.is_away = False
    assert await first == await second == b"bytes"


async def test_a_refused_fetch_gives_its_slot_back(rig: Rig) -> None:
    await rig.storage.remove(WHERE)
    with pytest.raises(Gone):
        await rig.fetch()
    assert rig.taken == 0


async def test_an_error_within_the_block_gives_the_slot_back(rig: Rig) -> None:
    with pytest.raises(ValueError, match="undecodable"):
        async with rig.images.fetch(WHERE, timed=nullcontext):
            raise ValueError("undecodable")
    assert rig.taken == 0


async def test_a_cancelled_wait_for_a_slot_takes_none(rig: Rig) -> None:
    async with rig.images.fetch(WHERE, timed=nullcontext):
        waiting = asyncio.create_task(rig.fetch())
        await settle()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    assert rig.taken == 0
    assert await rig.fetch() == b"bytes"
