"""From a claim to its scores: what is fetched, what is scored, and what is known already."""

from __future__ import annotations

import hashlib

import pytest

from agents.pipeline import score_record
from schemas import topics
from schemas.records import ImageHead
from schemas.uploads import ImageUploaded, Location
from streams.adapters.memory import MemoryImages
from streams.message import Message

from .head_builders import claim, scoring
from .straight_path import LIMITS, SpokenTagger, World, message_of, s3_message, upload_of

KEY = "any/a.jpg"
WHERE = Location(bucket="photos", key=KEY)
CREATED = "ObjectCreated:Put"
SEEN = "ambiance=0.9"


def notified(*, minute: int = 1, sequencer: str = "A", offset: int = 0) -> Message:
    """Storage says that the object was put, and knows nothing of restaurants."""
    return s3_message(CREATED, KEY, minute=minute, sequencer=sequencer, offset=offset)


async def described(**metadata: str) -> World:
    """A world whose one object says beside itself whose it is."""
    world = World()
    said = {name.replace("_", "-"): value for name, value in metadata.items()}
    await world.images.put(WHERE, SEEN.encode(), metadata=said)
    return world


async def head_of(world: World) -> ImageHead:
    (head,) = await world.scores.scan()
    return head


@pytest.mark.parametrize("name", ["restaurant-id", "restaurant_id", "Restaurant-Id"])
async def test_the_restaurant_is_read_from_the_object_s_metadata(name: str) -> None:
    world = World()
    await world.images.put(WHERE, SEEN.encode(), metadata={name: "r7"})
    await world.deliver(notified())
    assert [said.key for said in world.tags.on(topics.AMBIANCE)] == ["r7"]
    assert (await head_of(world)).restaurant_id == "r7"


async def test_the_uploader_is_read_from_the_object_s_metadata() -> None:
    world = await described(uploader_id="u7")
    await world.deliver(notified())
    assert (await head_of(world)).claims.current.uploader_id == "u7"


async def test_what_the_event_says_comes_before_the_object_s_metadata() -> None:
    world = await described(restaurant_id="r7")
    plain = upload_of(KEY, restaurant="r1").model_copy(update={"location": WHERE})
    await world.deliver(message_of(plain))
    assert (await head_of(world)).restaurant_id == "r1"


@pytest.mark.parametrize("offset", [0, 9], ids=["delivered again", "published again"])
async def test_a_redelivery_keeps_the_restaurant_that_the_metadata_named(offset: int) -> None:
    world = await described(restaurant_id="r7", uploader_id="u7")
    await world.deliver(notified(), notified(offset=offset))
    head = await head_of(world)
    assert (head.restaurant_id, head.claims.current.uploader_id, head.revision) == ("r7", "u7", 1)
    assert world.said == [(topics.AMBIANCE, "ambiance", "added")]


async def test_the_same_bytes_put_again_keep_the_restaurant_that_the_metadata_names() -> None:
    world = await described(restaurant_id="r7")
    etag = notified().value
    assert etag
    again = Message(topics.UPLOADED, 3, 5, b"k", etag.replace(b'"sequencer": "A"', b'"sequencer": "B"'))
    await world.deliver(notified(), again)
    head = await head_of(world)
    assert (head.position.sequencer, head.restaurant_id) == ("B", "r7")
    assert world.tagger.forwards == 1


async def test_a_later_event_that_names_no_restaurant_leaves_what_the_metadata_named() -> None:
    world = await described(restaurant_id="r7")
    later = upload_of(KEY, minute=5, restaurant=None).model_copy(update={"location": WHERE})
    await world.deliver(notified(), message_of(later, offset=1))
    assert (await head_of(world)).restaurant_id == "r7"
    assert world.said == [(topics.AMBIANCE, "ambiance", "added")]


def at(where: Location, *, minute: int) -> ImageUploaded:
    """That minute's word on one and the same image, wherever its bytes are."""
    upload = upload_of(KEY, minute=minute)
    return upload.model_copy(update={"location": where, "image_id": "img_1"})


MD5 = hashlib.md5(SEEN.encode(), usedforsecurity=False).hexdigest()
VERSIONED, TAGGED = (WHERE.model_copy(update=which) for which in ({"version": "v"}, {"etag": MD5}))
MOVED = {"key": "any/b.jpg"}


@pytest.mark.parametrize("where", [VERSIONED, TAGGED], ids=["version", "etag"])
async def test_the_same_object_is_neither_fetched_nor_scored_again(where: Location) -> None:
    world = World()
    await world.tag(at(where, minute=1), SEEN)
    await world.deliver(message_of(at(where, minute=2), offset=1))
    assert (len(world.images.fetched), world.tagger.forwards) == (1, 1)
    assert (await head_of(world)).position.event_id.endswith("@2")


@pytest.mark.parametrize(
    "other",
    [
        VERSIONED.model_copy(update={"version": "w"}),
        VERSIONED.model_copy(update=MOVED),
        TAGGED.model_copy(update={"etag": "f"}),
        TAGGED.model_copy(update=MOVED),
        WHERE,
    ],
    ids=["another version", "its namesake elsewhere", "another etag", "its twin elsewhere", "neither"],
)
async def test_what_may_be_another_object_is_fetched_and_other_bytes_are_scored(other: Location) -> None:
    world = World()
    first = VERSIONED if other.version else TAGGED
    await world.tag(at(first if other != WHERE else WHERE, minute=1), "menu=0.9")
    await world.tag(at(other, minute=2), SEEN, offset=1)
    head = await head_of(world)
    assert head.verdict
    assert head.verdict.tagged == ("ambiance",)


async def test_bytes_that_were_read_behind_the_word_on_them_are_not_filed_under_its_etag() -> None:
    world = World()
    await world.put(at(WHERE, minute=3), "menu=0.9")  # overwritten before anybody read what was announced
    await world.deliver(message_of(at(TAGGED, minute=1)), message_of(at(TAGGED, minute=2), offset=1))
    (record,) = await world.scores.records("img_1")
    assert record.content_version == hashlib.md5(b"menu=0.9", usedforsecurity=False).hexdigest()
    assert (await head_of(world)).position.event_id.endswith("@2")


async def test_the_same_bytes_of_an_object_that_nobody_names_are_fetched_and_not_scored_again() -> None:
    world = World()
    await world.tag(at(WHERE, minute=1), SEEN)
    await world.tag(at(WHERE, minute=2), SEEN, offset=1)
    assert (len(world.images.fetched), world.tagger.forwards) == (2, 1)


async def test_a_model_of_the_same_version_and_other_weights_scores_the_same_bytes_again() -> None:
    world = World()
    await world.tag(at(VERSIONED, minute=1), SEEN)
    world.tagger = SpokenTagger()
    world.tagger.model = world.tagger.model.model_copy(update={"digest": "retrained"})
    await world.deliver(message_of(at(VERSIONED, minute=2), offset=1))
    head = await head_of(world)
    assert head.scores
    assert head.scores.model.digest == "retrained"
    assert world.tagger.forwards == 1


async def test_a_large_object_s_digest_is_of_all_of_its_bytes() -> None:
    world = World()
    world.images = MemoryImages(LIMITS.model_copy(update={"max_object_bytes": 2**21}))
    seen = f"{SEEN} {' ' * 2**20}"
    await world.tag(at(VERSIONED, minute=1), seen)
    content = (await head_of(world)).content
    assert content
    assert content.digest == hashlib.sha256(seen.encode()).hexdigest()


@pytest.mark.parametrize(
    ("which", "named"),
    [({"version": "v", "etag": "e"}, "v"), ({"etag": "of-other-bytes"}, MD5), ({}, MD5)],
)
async def test_the_history_names_the_content_as_storage_does_whatever_the_event_says(
    which: dict[str, str], named: str
) -> None:
    world = World()
    await world.tag(at(WHERE.model_copy(update=which), minute=1), SEEN)
    (record,) = await world.scores.records("img_1")
    assert record.content_version == named
    assert record.content == (await head_of(world)).content


def test_where_storage_names_no_content_its_digest_does() -> None:
    record = score_record("img_1", scoring(claim(1), content="abc"), seconds={})
    assert record.content_version == "sha256:abc"


async def test_the_same_object_named_again_is_one_content_of_the_history() -> None:
    world = World()
    await world.tag(at(VERSIONED, minute=1), SEEN)
    await world.deliver(message_of(at(VERSIONED, minute=2), offset=1))
    assert [record.content_version for record in await world.scores.records("img_1")] == ["v"]
