"""Renditions: written behind an upload's tags, read by replays alone, and gone with the photograph."""

from __future__ import annotations

import asyncio
import hashlib

import pytest

from agents import erasure
from agents.ports import WithRendition
from agents.renditions import FreshRendition, RenditionBounds, Renditions
from schemas import wire
from schemas.errors import Unavailable
from schemas.events import RescoreMode
from schemas.records import ImageHead
from schemas.rendition_recipe import RenditionRecipe
from schemas.uploads import ImageRemoved
from streams.adapters.memory import MemoryRenditions, MemoryScores
from streams.message import Message
from streams.ports import StoredRendition

from .straight_path import (
    EPOCH,
    Faults,
    SpokenTagger,
    World,
    message_of,
    raw_message,
    rescore_message,
    upload_of,
)

RECIPE = RenditionRecipe(side=320, quality=90)
UPLOAD = upload_of()
SEEN = "menu=0.9"


class Reducing(SpokenTagger):
    """Its decoder makes renditions in which a menu is seen a little less well."""

    async def decode_and_reduce(self, data: bytes) -> WithRendition:
        return WithRendition(await self.decode(data), small_of(data.decode()))


def small_of(seen: str) -> bytes:
    return seen.replace("0.9", "0.8").encode()


class Small(World):
    """A worker that keeps renditions."""

    def __init__(self, *, version: str = "1", least_bytes: int = 0, faults: Faults | None = None) -> None:
        super().__init__(faults)
        self.store = MemoryRenditions()
        self.tagger = Reducing(self.faults, version=version)
        bounds = RenditionBounds(least_bytes=least_bytes)
        self.renditions = Renditions(self.store, RECIPE, self.scores, self.metrics.renditions, bounds)

    def next_version(self, *, side: int = 224) -> None:
        """A worker of version 2, whose input has so many pixels."""
        self.tagger = Reducing(self.faults, version="2")
        self.tagger.input_side = side

    async def written(self) -> None:
        assert self.renditions is not None
        await self.renditions.written()

    async def upload(self, seen: str = SEEN, *, minute: int = 0) -> None:
        await self.tag(upload_of(minute=minute), seen, offset=minute)
        await self.written()

    async def replay(self, *, mode: RescoreMode = RescoreMode.APPLY, version: str = "2") -> None:
        await self.deliver(rescore_message(UPLOAD, version=version, mode=mode))
        await self.written()

    def sampled(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(f"{name}_total", labels) or 0

    def became(self, what: str) -> float:
        return self.sampled("tagstream_renditions", what=what)

    def read(self, source: str) -> float:
        return self.sampled("tagstream_replay_reads", source=source)

    async def menu(self) -> tuple[float, str | None]:
        """The probability that holds, and what it was scored from."""
        scores = (await self.head_of(UPLOAD)).scores
        assert scores is not None
        return scores.probabilities["menu"], scores.rendition


def digest_of(seen: str) -> str:
    return hashlib.sha256(seen.encode()).hexdigest()


def removal() -> Message:
    return raw_message(
        wire.encode(
            ImageRemoved(
                event_id="gone",
                image_id=UPLOAD.image_id,
                location=UPLOAD.location,
                removed_at=EPOCH.replace(hour=1),
            )
        ),
        offset=9,
    )


async def test_an_upload_leaves_a_rendition_by_the_digest_of_its_bytes() -> None:
    world = Small()
    await world.upload()
    kept = world.store.kept[digest_of(SEEN)]
    assert (kept.data, kept.recipe) == (small_of(SEEN), "jpeg-320-q90-r1")
    assert kept.sha256 == hashlib.sha256(small_of(SEEN)).hexdigest()
    assert world.became("kept") == 1


async def test_an_upload_is_scored_by_the_photograph_itself() -> None:
    world = Small()
    await world.upload()
    assert await world.menu() == (0.9, None)
    assert world.store.asked == []


async def test_a_rendition_is_written_after_the_tags_were_announced() -> None:
    world = Small()
    told: list[int] = []
    put = world.store.put

    async def noting(digest: str, rendition: StoredRendition) -> None:
        told.append(len(world.tags.announced))
        await put(digest, rendition)

    world.store.put = noting  # type: ignore[method-assign]
    await world.upload()
    assert told == [len(world.tags.announced)]
    assert told[0] > 0


async def test_a_storage_that_is_away_fails_no_upload_and_is_counted() -> None:
    world = Small()
    world.store.is_away = True
    await world.upload()
    assert await world.menu() == (0.9, None)
    assert world.counted("tagged") == 1
    assert world.became("not_kept") == 1
    assert world.refused == set()


async def test_what_was_not_written_is_written_when_the_image_is_scored_next() -> None:
    world = Small()
    world.store.is_away = True
    await world.upload()
    world.store.is_away = False
    world.next_version()
    await world.replay()
    assert world.read("original") == 1
    assert world.store.kept[digest_of(SEEN)].data == small_of(SEEN)


@pytest.mark.parametrize("mode", [RescoreMode.APPLY, RescoreMode.SHADOW])
async def test_a_replay_reads_the_rendition_and_not_the_photograph(mode: RescoreMode) -> None:
    world = Small()
    await world.upload()
    world.images.fetched.clear()
    world.next_version()
    await world.replay(mode=mode)
    assert world.images.fetched == []
    assert world.read("rendition") == 1
    records = await world.scores.records(UPLOAD.image_id)
    assert {each.scores.model.version: each.scores.rendition for each in records} == {
        "1": None,
        "2": "jpeg-320-q90-r1",
    }


async def test_the_head_says_that_its_scores_are_of_a_rendition() -> None:
    world = Small()
    await world.upload()
    world.next_version()
    await world.replay()
    assert await world.menu() == (0.8, "jpeg-320-q90-r1")
    head = await world.head_of(UPLOAD)
    assert head.digest == digest_of(SEEN)


async def test_a_version_that_asks_for_more_pixels_reads_the_photograph_and_writes_nothing() -> None:
    world = Small()
    await world.upload()
    world.next_version(side=321)
    await world.replay()
    assert await world.menu() == (0.9, None)
    assert world.read("original") == 1
    assert world.became("kept") == 1


async def test_without_a_rendition_the_photograph_is_read() -> None:
    world = Small()
    await world.upload()
    world.store.kept.clear()
    world.next_version()
    await world.replay()
    assert await world.menu() == (0.9, None)


async def test_a_replay_goes_on_by_the_photographs_while_the_renditions_are_away() -> None:
    world = Small()
    await world.upload()
    world.store.is_away = True
    world.next_version()
    await world.replay()
    assert await world.menu() == (0.9, None)
    assert world.became("unread") == 1


@pytest.mark.parametrize("data", [b"menu=0.1", b""])
async def test_a_rendition_whose_bytes_changed_is_not_believed_and_is_made_anew(data: bytes) -> None:
    world = Small()
    await world.upload()
    kept = world.store.kept[digest_of(SEEN)]
    world.store.kept[digest_of(SEEN)] = StoredRendition(data, kept.recipe, kept.sha256)
    world.next_version()
    await world.replay()
    assert await world.menu() == (0.9, None)
    assert world.became("damaged") == 1
    assert world.store.kept[digest_of(SEEN)] == kept


async def test_a_rendition_that_cannot_be_decoded_falls_back_to_the_photograph() -> None:
    world = Small()
    await world.upload()
    broken = b"broken"
    world.store.kept[digest_of(SEEN)] = StoredRendition(
        broken, RECIPE.name, hashlib.sha256(broken).hexdigest()
    )
    world.next_version()
    await world.replay()
    assert await world.menu() == (0.9, None)
    assert (world.became("damaged"), world.refused) == (1, set())


async def test_a_rendition_of_another_recipe_s_revision_is_not_read() -> None:
    world = Small()
    await world.upload()
    kept = world.store.kept[digest_of(SEEN)]
    world.store.kept[digest_of(SEEN)] = StoredRendition(kept.data, "jpeg-320-q90-r99", kept.sha256)
    world.next_version()
    await world.replay()
    assert await world.menu() == (0.9, None)


async def test_a_small_original_has_no_rendition_and_none_is_looked_for() -> None:
    world = Small(least_bytes=1_000)
    await world.upload()
    world.next_version()
    await world.replay()
    assert world.store.kept == {}
    assert world.store.asked == []
    assert world.read("original") == 1


async def test_a_replaced_photograph_s_rendition_goes() -> None:
    world = Small()
    await world.upload()
    await world.upload("food=0.9", minute=1)
    assert set(world.store.kept) == {digest_of("food=0.9")}


async def test_a_removed_photograph_has_no_rendition() -> None:
    world = Small()
    await world.upload()
    await world.deliver(removal())
    assert world.store.kept == {}
    assert world.became("deleted") == 1


async def test_a_removal_that_is_delivered_again_deletes_what_was_left() -> None:
    world = Small()
    await world.upload()
    kept = dict(world.store.kept)
    await world.deliver(removal())
    world.store.kept = kept  # as if the worker had been killed before it deleted
    await world.deliver(removal())
    assert world.store.kept == {}


async def test_a_removal_is_told_also_where_the_rendition_cannot_be_deleted() -> None:
    world = Small()
    await world.upload()
    world.store.is_away = True
    await world.deliver(removal())
    assert world.counted("removed") == 1
    assert world.became("not_deleted") == 1


async def test_a_rendition_that_is_written_after_the_erasure_goes_again() -> None:
    world = Small()
    put = world.store.put

    async def after_an_erasure(digest: str, rendition: StoredRendition) -> None:
        await world.scores.apply(UPLOAD.image_id, erasure.erased(UPLOAD.image_id, at=EPOCH))
        await put(digest, rendition)

    world.store.put = after_an_erasure  # type: ignore[method-assign]
    await world.upload()
    assert world.store.kept == {}


async def test_no_more_wait_to_be_written_than_are_allowed() -> None:
    world = Small()
    assert world.renditions is not None
    await world.upload()
    for number in range(RenditionBounds().pending + 3):
        world.renditions.keep("img", FreshRendition(f"{number:064}", b"small"))
    assert world.became("dropped") == 3
    await world.written()


async def test_whoever_ends_breaks_off_what_cannot_be_written() -> None:
    world = Small()
    assert world.renditions is not None
    started, never = asyncio.Event(), asyncio.Event()

    async def hanging(digest: str, rendition: StoredRendition) -> None:
        del digest, rendition
        started.set()
        await never.wait()

    world.store.put = hanging  # type: ignore[method-assign]
    impatient = RenditionBounds(grace=0)
    async with Renditions(world.store, RECIPE, world.scores, world.metrics.renditions, impatient) as kept:
        kept.keep("img", FreshRendition("0" * 64, b"small"))
        await started.wait()
    await kept.written()


async def test_a_worker_without_a_place_for_them_makes_none() -> None:
    world = World()
    await world.tag(UPLOAD, SEEN)
    await world.deliver(message_of(UPLOAD, offset=1))
    assert (await world.head_of(UPLOAD)).scores is not None


async def test_an_upload_of_known_bytes_by_a_new_version_reads_the_photograph() -> None:
    world = Small()
    await world.upload()
    world.next_version()
    await world.deliver(message_of(UPLOAD, offset=0))
    await world.written()
    assert world.store.asked == []
    assert await world.menu() == (0.9, None)


async def test_a_photograph_that_the_history_alone_knows_loses_its_rendition_with_the_removal() -> None:
    world = Small()
    await world.upload()
    await world.upload("food=0.9", minute=1)
    world.store.kept[digest_of(SEEN)] = world.store.kept[digest_of("food=0.9")]  # as if it had not gone
    await world.deliver(removal())
    assert world.store.kept == {}


async def test_a_store_that_cannot_say_whose_bytes_stand_leaves_no_rendition() -> None:
    world = Small()
    assert world.renditions is not None

    class Away(MemoryScores):
        async def head(self, image_id: str) -> ImageHead | None:
            raise Unavailable("store", image_id)

    kept = Renditions(world.store, RECIPE, Away(), world.metrics.renditions, RenditionBounds())
    kept.keep("img", FreshRendition("0" * 64, b"small"))
    await kept.written()
    assert world.store.kept == {}
