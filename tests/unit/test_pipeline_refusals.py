"""What comes with a message must not stop the worker, and what was refused must not stay in memory."""

import asyncio
import gc
import weakref
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from faust.types import Message as ConsumerMessage

from agents.testing import FakeTagger
from schemas.errors import Undecodable
from schemas.events import DeadLetter
from schemas.uploads import Location
from streams.adapters.memory import MemoryImages, MemoryTags
from streams.app import _message_of
from streams.ports import Fetched

from .straight_path import LIMITS, World, message_of, upload_of


def test_a_null_header_is_an_empty_one_to_whoever_works_on_the_message() -> None:
    headers: list[tuple[str, bytes]] = [("trace", None), ("hop", b"1")]  # type: ignore[list-item]
    came = ConsumerMessage("uploads", 0, 7, 0.0, 0, headers, None, b"v", None)
    assert _message_of(came).headers == (("trace", b""), ("hop", b"1"))


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (1_800_000_000.25, datetime(2027, 1, 15, 8, 0, 0, 250_000, UTC)),
        (0.0, datetime(1970, 1, 1, tzinfo=UTC)),
        (-0.001, None),
        (None, None),
        (float("inf"), None),
        (9.3e15, None),
    ],
)
def test_whoever_works_on_a_message_knows_when_it_was_written(
    seconds: float | None, written: datetime | None
) -> None:
    came = ConsumerMessage("uploads", 0, 7, seconds, 0, [], None, b"v", None)  # type: ignore[arg-type]
    assert _message_of(came).timestamp == written


class CrypticTagger(FakeTagger):
    """Refuses with a message that holds half a character, as file names from C libraries may."""

    async def decode(self, data: bytes) -> bytes:
        raise Undecodable(f"cannot read caf\udce9.jpg of {len(data)} bytes")


async def test_a_cause_that_is_not_quite_text_is_buried_like_any_other() -> None:
    world = World()
    world.tagger = CrypticTagger()
    await world.tag(upload_of(), "food=0.9")
    assert world.refused == {(upload_of().image_id, "undecodable")}
    assert world.tags.buried[0].causes


class Bytes(bytearray):
    """Bytes that one can watch."""


class WatchedImages(MemoryImages):
    def __init__(self) -> None:
        super().__init__(LIMITS)
        self.alive: weakref.ref[Bytes] | None = None

    async def fetch(self, location: Location) -> Fetched:
        fetched = await super().fetch(location)
        data = Bytes(fetched.data)
        self.alive = weakref.ref(data)
        return replace(fetched, data=data)  # type: ignore[arg-type]


class StuckTags(MemoryTags):
    """A broker that takes no dead letter for now."""

    def __init__(self) -> None:
        super().__init__()
        self.is_back = asyncio.Event()

    async def bury(self, letter: DeadLetter) -> None:
        await self.is_back.wait()
        await super().bury(letter)


async def test_a_refused_image_s_bytes_are_not_held_while_its_dead_letter_waits() -> None:
    world, upload = World(), upload_of()
    world.images, world.tags = images, tags = WatchedImages(), StuckTags()
    await world.put(upload, "broken")
    work = asyncio.create_task(world.desk().handle(message_of(upload)).work())
    await asyncio.sleep(0.05)
    gc.collect()
    assert images.alive is not None
    held = images.alive() is not None
    tags.is_back.set()
    await work
    assert not held


async def test_two_contents_without_a_version_are_two_records_of_the_history() -> None:
    world = World()
    for minute, seen in enumerate(("menu=0.9", "food=0.9")):
        upload = upload_of(minute=minute)
        plain = upload.location.model_copy(update={"version": None})
        await world.tag(upload.model_copy(update={"location": plain}), seen, offset=minute)
    assert len(await world.scores.records(upload_of().image_id)) == 2
