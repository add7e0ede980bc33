"""A shadow scores for the history alone; publishing it makes its scores hold, and tells changes alone."""

from __future__ import annotations

import pytest

from schemas import topics, wire
from schemas.events import ImageTagged, OtherVerdict, RescoreMode
from schemas.records import ImageHead
from streams.message import Message

from .straight_path import (
    BOUNDARIES,
    HALFWAY,
    Crash,
    Faults,
    SpokenTagger,
    World,
    decision_message,
    rescore_message,
    s3_message,
    upload_of,
)

UPLOAD = upload_of()


def message(mode: RescoreMode, *, offset: int = 0) -> Message:
    return rescore_message(UPLOAD, version="2", mode=mode, offset=offset)


SHADOW = message(RescoreMode.SHADOW)
PUBLISH = message(RescoreMode.PUBLISH, offset=1)


async def tagged(seen: str = "menu=0.9", *, now: str | None = None, faults: Faults | None = None) -> World:
    """A photograph that version 1 has tagged, in a world whose worker has version 2, which sees `now`."""
    world = World(faults)
    await world.tag(UPLOAD, seen)
    world.tagger = SpokenTagger(world.faults, version="2")
    if now:
        world.tagger = Otherwise(world.faults, now)
    return world


class Otherwise(SpokenTagger):
    """Version 2, which sees in the same bytes what a test says."""

    def __init__(self, faults: Faults, now: str) -> None:
        super().__init__(faults, version="2")
        self.now = now

    async def decode(self, data: bytes) -> bytes:
        await super().decode(data)
        return self.now.encode()


def version_of(head: ImageHead) -> str:
    assert head.scores is not None
    return head.scores.model.version


async def test_a_shadow_changes_no_head_and_tells_nobody() -> None:
    world = await tagged(now="ambiance=0.9")
    before, said = await world.head_of(UPLOAD), len(world.tags.announced)
    await world.deliver(SHADOW)
    assert await world.head_of(UPLOAD) == before
    assert len(world.tags.announced) == said
    records = await world.scores.records(UPLOAD.image_id)
    assert [(each.scores.model.version, each.job) for each in records] == [("1", "live"), ("2", "job-1")]
    assert world.counted("shadowed") == 1


async def test_a_shadow_that_was_scored_is_not_scored_again() -> None:
    world = await tagged(now="ambiance=0.9")
    await world.deliver(SHADOW, SHADOW)
    assert world.tagger.forwards == 1
    assert world.counted("duplicate") == 1


async def test_a_shadow_of_an_image_that_was_never_seen_or_is_gone_is_skipped() -> None:
    world = World()
    world.tagger = SpokenTagger(world.faults, version="2")
    await world.deliver(SHADOW)
    removed = await tagged()
    gone = s3_message("ObjectRemoved:Delete", UPLOAD.location.key, minute=9, sequencer="0A", offset=1)
    await removed.deliver(gone)
    await removed.deliver(SHADOW)
    assert (world.counted("skipped"), removed.counted("skipped")) == (1, 1)


async def test_publishing_makes_a_shadow_s_scores_hold_without_scoring_again() -> None:
    world = await tagged(now="ambiance=0.9")
    await world.deliver(SHADOW)
    world.faults.begun.clear()
    await world.deliver(PUBLISH)
    assert not {"fetch", "decode", "score"} & set(world.faults.begun)
    head = await world.head_of(UPLOAD)
    assert version_of(head) == "2"
    assert head.is_announced
    assert world.tagger.forwards == 1
    assert world.said[1:] == [(topics.AMBIANCE, "ambiance", "added"), (topics.MODERATION, "menu", "removed")]
    event = world.tags.on(topics.TAGGED)[-1].event
    assert isinstance(event, ImageTagged)
    assert event.before is not None
    assert event.before.labels == ("menu",)
    assert event.before.model.version == "1"
    assert world.counted("republished") == 1


async def test_publishing_tells_nobody_of_what_does_not_change() -> None:
    world = await tagged(now="menu=0.8")
    await world.deliver(SHADOW)
    said = len(world.tags.announced)
    await world.deliver(PUBLISH)
    head = await world.head_of(UPLOAD)
    assert version_of(head) == "2"
    assert head.is_announced
    assert len(world.tags.announced) == said


async def test_what_no_shadow_has_scored_is_not_published() -> None:
    world = await tagged(now="ambiance=0.9")
    before = await world.head_of(UPLOAD)
    await world.deliver(PUBLISH)
    assert await world.head_of(UPLOAD) == before
    assert (world.tagger.forwards, world.counted("unscored")) == (0, 1)


async def test_a_photograph_that_was_replaced_since_the_shadow_is_not_published() -> None:
    world = await tagged(now="ambiance=0.9")
    await world.deliver(SHADOW)
    world.tagger = SpokenTagger(world.faults, version="1")
    later = upload_of(minute=1)
    await world.tag(later, "human=0.9", offset=5)
    world.tagger = Otherwise(world.faults, "ambiance=0.9")
    await world.deliver(PUBLISH)
    head = await world.head_of(UPLOAD)
    assert version_of(head) == "1"
    assert (world.tagger.forwards, world.counted("unscored")) == (0, 1)


async def test_what_a_person_decided_stays_when_a_shadow_is_published() -> None:
    world = await tagged(now="ambiance=0.9")
    await world.deliver(decision_message(UPLOAD.image_id, "correct", minute=5, labels=["human"]))
    await world.deliver(SHADOW)
    said = list(world.said)
    await world.deliver(PUBLISH)
    head = await world.head_of(UPLOAD)
    assert version_of(head) == "2"
    assert head.verdict is not None
    assert head.verdict.tagged == ("human",)
    assert world.said == said


async def test_publishing_twice_says_the_same_once() -> None:
    world = await tagged(now="ambiance=0.9")
    await world.deliver(SHADOW, PUBLISH)
    said = len(world.tags.announced)
    await world.deliver(PUBLISH)
    assert len(world.tags.announced) == said
    assert world.counted("duplicate") == 1


@pytest.mark.parametrize("boundary", [*BOUNDARIES, HALFWAY])
async def test_a_worker_that_dies_while_publishing_leaves_what_one_that_does_not_leaves(
    boundary: tuple[str, str],
) -> None:
    whole = await tagged(now="ambiance=0.9")
    await whole.deliver(SHADOW, PUBLISH)
    world = await tagged(now="ambiance=0.9")
    await world.deliver(SHADOW)
    world.faults.boundary = boundary
    try:
        await world.deliver(PUBLISH)
    except Crash:
        await world.deliver(PUBLISH)
    assert await world.head_of(UPLOAD) == await whole.head_of(UPLOAD)
    ids = [{each.event.event_id for each in one.tags.announced if each.event} for one in (whole, world)]
    assert ids[0] == ids[1]


@pytest.mark.parametrize("mode", [RescoreMode.SHADOW, RescoreMode.PUBLISH])
def test_a_worker_of_before_finds_no_version_in_a_request_that_it_would_apply(mode: RescoreMode) -> None:
    raw = message(mode).value
    assert raw is not None
    assert b'"model_version"' not in raw
    wanted = wire.decode_rescore(raw, {})
    assert not isinstance(wanted, wire.Invalid)
    assert (wanted.mode, wanted.model_version) == (mode, "2")


def test_a_request_of_before_is_applied() -> None:
    raw = message(RescoreMode.APPLY).value
    assert raw is not None
    assert b'"mode"' not in raw
    wanted = wire.decode_rescore(raw, {})
    assert not isinstance(wanted, wire.Invalid)
    assert wanted.mode is RescoreMode.APPLY


async def test_a_replay_that_applies_says_what_was_held_before() -> None:
    world = await tagged(now="ambiance=0.9")
    await world.deliver(rescore_message(UPLOAD, version="2"))
    live, replayed = (each.event for each in world.tags.on(topics.TAGGED))
    assert isinstance(live, ImageTagged)
    assert isinstance(replayed, ImageTagged)
    assert live.before is None
    assert isinstance(replayed.before, OtherVerdict)
