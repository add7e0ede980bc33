"""The straight path, one behaviour a test, over the ports in memory."""

import asyncio
from dataclasses import dataclass, replace

import pytest

from agents.testing import FakeTagger
from schemas import topics
from schemas.errors import Stage, Unforeseen
from schemas.events import Action, ImageTagged, ModerationRequested
from schemas.records import State
from schemas.uploads import ImageUploaded, Location
from streams.adapters.memory import MemoryImages
from streams.message import Message
from streams.ports import Fetched

from .straight_path import LIMITS, SpokenTagger, World, message_of, raw_message, s3_message, upload_of


@pytest.fixture
def world() -> World:
    return World()


async def test_an_upload_is_stored_before_it_is_announced_and_announced_before_it_is_marked(
    world: World,
) -> None:
    await world.tag(upload_of(), "menu=0.9")
    assert world.faults.begun == ["head", "fetch", "decode", "score", "keep", "state", "announce", "mark"]


async def test_an_upload_ends_in_scores_tags_routes_and_the_announced_mark(world: World) -> None:
    upload = upload_of()
    await world.tag(upload, "ambiance=0.8 food=0.9", offset=7)
    head = await world.head_of(upload)
    assert head.verdict
    assert head.verdict.tagged == ("food", "ambiance")
    assert head.is_announced
    assert (head.position.partition, head.position.offset) == (3, 7)
    assert world.said == [(topics.AMBIANCE, "ambiance", "added")]
    assert world.counted("tagged") == 1


async def test_the_tagged_event_says_every_label_the_model_and_the_position(world: World) -> None:
    upload = upload_of()
    await world.tag(upload, "menu=0.9 food=0.3")
    (said,) = world.tags.on(topics.TAGGED)
    assert isinstance(said.event, ImageTagged)
    assert {tag.label: tag.probability for tag in said.event.tags} == {
        "menu": 0.9,
        "food": 0.3,
        "ambiance": 0.0,
        "human": 0.0,
    }
    assert said.event.model == world.tagger.model
    assert said.event.position == (await world.head_of(upload)).position
    assert said.key == upload.image_id


async def test_a_moderator_is_told_why(world: World) -> None:
    await world.tag(upload_of(), "menu=0.9")
    (said,) = world.tags.on(topics.MODERATION)
    assert isinstance(said.event, ModerationRequested)
    assert said.event.action is Action.ADDED
    assert (said.event.why.probability, said.event.why.threshold) == (0.9, 0.7)


async def test_a_flagged_photograph_is_hidden_and_a_doubtful_one_is_not(world: World) -> None:
    flagged, doubtful = upload_of("r1/menu.jpg"), upload_of("r1/fog.jpg")
    await world.tag(flagged, "menu=0.9")
    await world.tag(doubtful, "menu=0.1", offset=1)
    assert (await world.head_of(flagged)).state is State.HIDDEN
    assert (await world.head_of(doubtful)).state is State.VISIBLE
    assert (topics.MODERATION, "uncertain", "added") in world.said


async def test_the_history_says_the_seconds_of_every_stage_before_it(world: World) -> None:
    upload = upload_of()
    await world.tag(upload, "food=0.9")
    (record,) = await world.scores.records(upload.image_id)
    assert set(record.seconds) == {"fetch", "decode", "queued", "forward"}
    assert (record.seconds["queued"], record.seconds["forward"]) == (0.5, 0.25)
    assert record.content_version == "v0"


@dataclass(frozen=True)
class Bad:
    """An upload that can never succeed, what its object holds, and how it is to be buried."""

    upload: ImageUploaded
    holds: str | None
    code: str
    stage: str = "fetch"


BAD = (
    Bad(upload_of("r1/gone.jpg"), None, "gone"),
    Bad(upload_of(bucket="secrets"), "food=0.9", "not_allowed"),
    Bad(upload_of("r1/large.jpg"), "x" * 1001, "too_large"),
    Bad(upload_of("r1/broken.jpg"), "broken", "undecodable", "decode"),
)


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.code)
async def test_what_can_never_succeed_is_buried_as_it_came_with_its_cause(world: World, bad: Bad) -> None:
    if bad.holds is not None:
        await world.put(bad.upload, bad.holds)
    message = message_of(bad.upload, offset=4)
    await world.deliver(message)
    (letter,) = world.tags.buried
    assert (letter.code, letter.stage, letter.image_id) == (bad.code, bad.stage, bad.upload.image_id)
    assert (letter.key, letter.value, letter.headers) == (message.key, message.value, message.headers)
    assert letter.source == (topics.UPLOADED, 3, 4)
    assert letter.message


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.code)
async def test_what_is_buried_is_neither_stored_nor_announced(world: World, bad: Bad) -> None:
    if bad.holds is not None:
        await world.put(bad.upload, bad.holds)
    await world.deliver(message_of(bad.upload))
    assert await world.scores.scan() == ()
    assert world.tags.announced == []
    assert world.counted("rejected") == 1


async def test_a_message_that_is_no_event_is_buried_as_it_came(world: World) -> None:
    message = raw_message(b"\xff not json", offset=4)
    await world.deliver(message)
    (letter,) = world.tags.buried
    assert (letter.code, letter.stage, letter.image_id) == ("malformed", "message", None)
    assert (letter.key, letter.value, letter.headers) == (message.key, message.value, message.headers)
    assert "head" not in world.faults.begun


async def test_an_image_that_the_network_refuses_is_buried(world: World) -> None:
    await world.tag(upload_of(), "")
    assert world.refused == {(upload_of().image_id, "undecodable")}


async def test_a_bad_re_upload_leaves_what_was_known_of_the_image(world: World) -> None:
    await world.tag(upload_of(minute=0), "menu=0.9")
    before = await world.head_of(upload_of())
    await world.tag(upload_of(minute=1), "broken", offset=1)
    assert await world.head_of(upload_of()) == before
    assert world.refused == {(before.image_id, "undecodable")}


class BuggyTagger(FakeTagger):
    """Fails as the resident tagger does when a decoder has a bug."""

    async def decode(self, data: bytes) -> bytes:
        try:
            return data[:0].index(b"JFIF").to_bytes()
        except ValueError as error:
            raise Unforeseen.of(error, stage=Stage.DECODE) from error


async def test_an_unforeseen_error_of_one_image_is_buried_with_its_stack_trace(world: World) -> None:
    world.tagger = BuggyTagger()
    await world.tag(upload_of(), "menu=0.9")
    (letter,) = world.tags.buried
    assert (letter.code, letter.stage, letter.exception) == ("unforeseen", "decode", "Unforeseen")
    assert "ValueError: subsection not found" in letter.message
    assert 'index(b"JFIF")' in letter.trace


async def test_the_bad_one_between_two_good_ones_stops_neither(world: World) -> None:
    first, last = upload_of("r1/a.jpg"), upload_of("r1/z.jpg")
    await world.put(first, "food=0.9")
    await world.put(last, "food=0.9")
    await world.deliver(message_of(first), raw_message(b"{}", offset=1), message_of(last, offset=2))
    assert len(await world.scores.scan()) == 2
    assert [letter.source[2] for letter in world.tags.buried] == [1]


async def test_one_event_published_twice_changes_nothing_the_second_time(world: World) -> None:
    upload = upload_of()
    await world.tag(upload, "menu=0.9", offset=0)
    before, said = await world.head_of(upload), list(world.tags.announced)
    await world.deliver(message_of(upload, offset=5))
    assert await world.head_of(upload) == before
    assert world.tags.announced == said
    assert world.tagger.forwards == 1
    assert world.counted("duplicate") == 1


async def test_an_older_event_after_a_newer_one_is_stale_and_not_even_fetched(world: World) -> None:
    older, newer = upload_of(minute=1), upload_of(minute=2)
    await world.put(older, "menu=0.9")
    await world.tag(newer, "food=0.9")
    before, said = await world.head_of(newer), list(world.tags.announced)
    await world.deliver(message_of(older, offset=1))
    assert await world.head_of(newer) == before
    assert world.tags.announced == said
    assert world.images.fetched == [newer.location]
    assert world.counted("stale") == 1


class OvertakenImages(MemoryImages):
    """While its first image is fetched, another worker handles `newer`."""

    def __init__(self, world: World, newer: Message) -> None:
        super().__init__(LIMITS)
        self._world = world
        self._newer: Message | None = newer

    async def fetch(self, location: Location) -> Fetched:
        newer, self._newer = self._newer, None
        if newer is not None:
            await self._world.deliver(newer)
        return await super().fetch(location)


async def test_an_event_overtaken_while_it_was_fetched_announces_nothing(world: World) -> None:
    older, newer = upload_of(minute=1), upload_of(minute=2)
    world.images = OvertakenImages(world, message_of(newer, offset=9))
    await world.put(newer, "food=0.9")
    await world.tag(older, "menu=0.9")
    verdict = (await world.head_of(newer)).verdict
    assert verdict
    assert verdict.tagged == ("food",)
    assert world.said == []
    assert (world.counted("tagged"), world.counted("stale")) == (1, 1)


async def test_a_re_upload_announces_what_changed_and_nothing_else(world: World) -> None:
    await world.tag(upload_of(minute=1), "menu=0.9 human=0.9")
    told = len(world.said)
    await world.tag(upload_of(minute=2), "human=0.9 ambiance=0.9", offset=1)
    assert world.said[told:] == [(topics.MODERATION, "menu", "removed")]
    await world.tag(upload_of(minute=3), "ambiance=0.9", offset=2)
    assert sorted(world.said[told + 1 :]) == [
        (topics.AMBIANCE, "ambiance", "added"),
        (topics.MODERATION, "human", "removed"),
    ]
    assert len(world.tags.on(topics.TAGGED)) == 3


async def test_a_route_that_was_announced_is_held_by_its_hysteresis(world: World) -> None:
    await world.tag(upload_of(minute=1), "menu=0.9 food=0.9")
    await world.tag(upload_of(minute=2), "menu=0.6 food=0.9", offset=1)
    assert world.said == [(topics.MODERATION, "menu", "added")]
    await world.tag(upload_of(minute=3), "menu=0.4 food=0.9", offset=2)
    assert world.said[1:] == [(topics.MODERATION, "menu", "removed")]


async def test_a_photograph_of_no_restaurant_joins_no_collection_and_is_counted(world: World) -> None:
    await world.tag(upload_of(restaurant=None), "ambiance=0.9")
    assert world.tags.on(topics.AMBIANCE) == []
    assert len(world.tags.on(topics.TAGGED)) == 1
    assert world.metrics.registry.get_sample_value("tagstream_images_without_restaurant_total") == 1


async def test_a_collection_change_is_keyed_by_its_restaurant(world: World) -> None:
    await world.tag(upload_of(restaurant="r9"), "ambiance=0.9")
    assert [said.key for said in world.tags.on(topics.AMBIANCE)] == ["r9"]


async def test_a_redelivery_to_a_newer_model_is_scored_again_and_both_scores_are_kept(world: World) -> None:
    upload = upload_of()
    await world.tag(upload, "menu=0.9")
    world.tagger = SpokenTagger(version="2")
    await world.deliver(message_of(upload))
    versions = [record.scores.model.version for record in await world.scores.records(upload.image_id)]
    assert versions == ["1", "2"]
    verdict = (await world.head_of(upload)).verdict
    assert verdict
    assert verdict.model.version == "2"
    assert world.said == [(topics.MODERATION, "menu", "added")]


async def test_messages_of_one_image_share_a_key_and_a_spoiled_one_shares_it_with_nothing(
    world: World,
) -> None:
    desk = world.desk()
    first, again = upload_of(minute=1), upload_of(minute=2)
    assert desk.handle(message_of(first)).keys == desk.handle(message_of(again)).keys == (first.image_id,)
    spoiled = [desk.handle(raw_message(b"?", offset=offset)).keys for offset in (1, 2)]
    assert spoiled[0] != spoiled[1]


async def test_handling_a_message_does_nothing_until_its_work_runs(world: World) -> None:
    world.desk().handle(message_of(upload_of()))
    await asyncio.sleep(0)
    assert world.faults.begun == []


class CountingImages(MemoryImages):
    """Counts how many fetches run at once."""

    def __init__(self) -> None:
        super().__init__(LIMITS)
        self.running = 0
        self.most = 0

    async def fetch(self, location: Location) -> Fetched:
        self.running += 1
        self.most = max(self.most, self.running)
        for _ in range(3):
            await asyncio.sleep(0)
        self.running -= 1
        return await super().fetch(location)


async def test_no_more_images_are_loading_at_once_than_the_setting_says(world: World) -> None:
    counting = CountingImages()
    world.images, world.limits = counting, replace(world.limits, loading=3)
    uploads = [upload_of(f"r1/{number}.jpg") for number in range(20)]
    for upload in uploads:
        await world.put(upload, "food=0.9")
    desk = world.desk()
    await asyncio.gather(*(desk.handle(message_of(upload)).work() for upload in uploads))
    assert counting.most == 3
    assert len(await world.scores.scan()) == 20


async def test_many_images_at_once_are_all_tagged(world: World) -> None:
    world.tagger = FakeTagger()
    uploads = [upload_of(f"r1/{number}.jpg", minute=number) for number in range(200)]
    for upload in uploads:
        await world.put(upload, f"the pixels of {upload.location}")
    desk = world.desk()
    await asyncio.gather(
        *(desk.handle(message_of(upload, offset=place)).work() for place, upload in enumerate(uploads))
    )
    heads = await world.scores.scan()
    assert {head.image_id for head in heads} == {upload.image_id for upload in uploads}
    assert all(head.is_announced for head in heads)
    assert len(world.tags.on(topics.TAGGED)) == 200
    assert world.tagger.forwards == 200


async def test_an_event_overtaken_by_another_voice_still_says_whose_the_image_is(world: World) -> None:
    ours = upload_of(minute=1, restaurant="r1")
    stored = s3_message("ObjectCreated:Put", ours.location.key, minute=2, sequencer="A", offset=9)
    world.images = OvertakenImages(world, stored)
    await world.tag(ours, "ambiance=0.9")
    head = await world.head_of(ours)
    assert (head.position.sequencer, head.restaurant_id) == ("A", "r1")
    assert world.said == [(topics.AMBIANCE, "ambiance", "added")]


async def test_an_event_may_give_way_to_one_that_was_outranked_before(world: World) -> None:
    key = "any/a.jpg"
    first = s3_message("ObjectCreated:Put", key, minute=10, sequencer="1", offset=0)
    second = upload_of(key, minute=5).model_copy(update={"location": Location(bucket="photos", key=key)})
    third = s3_message("ObjectCreated:Put", key, minute=0, sequencer="2", offset=2)
    await world.put(second, "food=0.9")
    await world.deliver(first, message_of(second, offset=1), third)
    head = await world.head_of(second)
    assert head.position.event_id == second.event_id
    assert head.claims.current.position.event_id == second.event_id


async def test_an_outranked_event_is_no_reason_to_score_by_a_newer_model(world: World) -> None:
    await world.tag(upload_of(minute=2), "food=0.9")
    world.tagger = SpokenTagger(version="2")
    await world.deliver(message_of(upload_of(minute=1), offset=1))
    assert world.tagger.forwards == 0
    assert world.counted("stale") == 1


async def test_a_test_event_of_a_bucket_is_counted_as_ignored(world: World) -> None:
    await world.deliver(raw_message(b'{"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "photos"}'))
    assert world.counted("ignored") == 1
    assert world.tags.buried == []
