"""The replay lane: every image by the wanted model, and only what changed is told to people."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import pytest

from agents.lane_jobs import ASK_SECONDS, LaneJobs
from schemas import topics, wire
from schemas.errors import Broken
from schemas.events import ImageTagged, Reason, RescoreRequested
from schemas.rescore_jobs import RescoreState
from schemas.tags import RouteRule
from schemas.uploads import Location
from streams.adapters.memory import MemoryImages, MemoryScores
from streams.inflight import Urgency
from streams.message import Message, Task
from streams.ports import Fetched
from streams.resilience.retry import Dependencies
from streams.resilience.retrying import RetryingScores

from .straight_path import (
    BOUNDARIES,
    HALFWAY,
    IMPATIENT,
    JOB,
    LIMITS,
    Crash,
    Faults,
    SpokenTagger,
    World,
    message_of,
    rescore_message,
    s3_message,
    upload_of,
)

UPLOAD = upload_of()


async def tagged(faults: Faults | None = None, seen: str = "menu=0.9") -> World:
    """A world whose photograph was tagged by version 1, and whose worker now runs version 2."""
    world = World(faults)
    await world.tag(UPLOAD, seen)
    world.tagger = SpokenTagger(world.faults, version="2")
    return world


async def test_an_image_is_scored_again_and_an_unchanged_verdict_is_told_to_nobody() -> None:
    world = await tagged()
    told = len(world.said)
    await world.deliver(rescore_message(UPLOAD, version="2"))
    head = await world.head_of(UPLOAD)
    assert head.scores is not None
    assert (head.scores.model.version, head.job, head.reason) == ("2", "job-1", Reason.REPLAY)
    assert world.said[told:] == []
    event = world.tags.on(topics.TAGGED)[-1].event
    assert isinstance(event, ImageTagged)
    assert event.reason is Reason.REPLAY
    assert world.counted("rescored") == 1


async def test_a_changed_verdict_goes_to_the_people() -> None:
    world = await tagged()
    await world.put(UPLOAD, "ambiance=0.9")
    await world.deliver(rescore_message(UPLOAD, version="2"))
    assert sorted(world.said[1:]) == [
        (topics.AMBIANCE, "ambiance", "added"),
        (topics.MODERATION, "menu", "removed"),
    ]


async def test_what_has_the_scores_already_is_not_scored_again() -> None:
    world = await tagged()
    await world.deliver(rescore_message(UPLOAD, version="2"), rescore_message(UPLOAD, version="2"))
    assert world.tagger.forwards == 1
    assert world.counted("duplicate") == 1


async def test_the_history_keeps_both_versions() -> None:
    world = await tagged()
    await world.deliver(rescore_message(UPLOAD, version="2"))
    records = await world.scores.records(UPLOAD.image_id)
    assert [(record.scores.model.version, record.job) for record in records] == [
        ("1", "live"),
        ("2", "job-1"),
    ]


async def test_a_version_that_is_not_resident_is_waited_for_and_the_metric_says_so() -> None:
    world = await tagged()
    task = world.desk().handle(rescore_message(UPLOAD, version="3"))
    assert not task.is_ready()
    assert task.urgency is Urgency.BACKGROUND
    waiting = world.metrics.registry.get_sample_value("tagstream_rescore_waiting", {"model_version": "3"})
    assert waiting == 1


@dataclass
class Several:
    """`Versions` as a test has them."""

    beside: dict[str, SpokenTagger] = field(default_factory=dict)
    given_up: frozenset[str] = frozenset()

    def is_resident(self, version: str) -> bool:
        return version in self.beside

    def is_given_up(self, version: str) -> bool:
        return version in self.given_up

    @contextmanager
    def pinned(self, version: str, *, is_live: bool = False) -> Iterator[SpokenTagger | None]:  # noqa: ARG002
        yield self.beside.get(version)


async def test_a_version_beside_the_one_that_works_scores_its_requests_and_no_upload() -> None:
    world = await tagged()
    beside = SpokenTagger(world.faults, version="3")
    world.versions = Several({"3": beside})
    task = world.desk().handle(rescore_message(UPLOAD, version="3"))
    assert task.is_ready()
    await task.work()
    head = await world.head_of(UPLOAD)
    assert head.scores is not None
    assert head.scores.model.version == "3"
    assert (beside.forwards, world.tagger.forwards) == (1, 0)
    other = upload_of("r1/b.jpg")
    await world.tag(other, "food=0.9", offset=7)
    live = await world.head_of(other)
    assert live.scores is not None
    assert live.scores.model.version == "2"


async def test_a_version_that_cannot_be_had_holds_up_no_other_and_its_request_is_passed_over() -> None:
    world = await tagged()
    world.versions = Several(given_up=frozenset({"3"}))
    task = world.desk().handle(rescore_message(UPLOAD, version="3"))
    assert task.is_ready()
    await task.work()
    assert world.tags.buried == []
    assert (world.counted("not_resident"), world.counted("rescored")) == (1, 0)
    waiting = world.metrics.registry.get_sample_value("tagstream_rescore_waiting", {"model_version": "3"})
    assert waiting == 1


async def become(store: MemoryScores, state: RescoreState) -> None:
    """Somebody has changed the job that requests name."""
    store.job_documents[JOB.id] = JOB.model_copy(update={"state": state}).model_dump_json()


async def ready(task: Task) -> None:
    async with asyncio.timeout(5):
        while not task.is_ready():
            await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("state", "ending"),
    [
        (RescoreState.CANCELLED, "cancelled"),
        *((state, "not_resident") for state in RescoreState if state not in ("cancelled", "running")),
    ],
)
async def test_a_request_whose_model_is_not_resident_is_passed_over_unless_its_job_runs(
    state: RescoreState, ending: str
) -> None:
    world = await tagged()
    message = rescore_message(UPLOAD, version="3")
    task = world.desk().handle(message)
    assert not task.is_ready()
    await become(world.scores, state)
    later = world.desk().handle(message)  # another worker: nothing of what it knows is old
    await ready(later)
    await later.work()
    assert (world.tagger.forwards, world.counted(ending)) == (0, 1)
    waiting = world.metrics.registry.get_sample_value("tagstream_rescore_waiting", {"model_version": "3"})
    assert waiting == 0


@pytest.mark.parametrize("version", ["2", "3"])
async def test_a_request_of_a_job_that_the_store_does_not_know_is_passed_over(version: str) -> None:
    world = await tagged()
    world.scores.job_documents.clear()
    task = world.desk().handle(rescore_message(UPLOAD, version=version))
    await ready(task)
    await task.work()
    assert (world.tagger.forwards, world.counted("unknown")) == (0, 1)


async def test_a_request_of_a_cancelled_job_is_passed_over_by_the_right_model_too() -> None:
    world = await tagged()
    await become(world.scores, RescoreState.CANCELLED)
    await world.deliver(rescore_message(UPLOAD, version="2"))
    assert (world.tagger.forwards, world.counted("cancelled")) == (0, 1)


@pytest.mark.parametrize("state", ["running", "waiting", "paused", "finished", "failed"])
async def test_the_right_model_does_what_any_other_job_asks_for(state: str) -> None:
    world = await tagged()
    await become(world.scores, RescoreState(state))
    await world.deliver(rescore_message(UPLOAD, version="2"))
    assert world.counted("rescored") == 1


class Counted(MemoryScores):
    """A store that counts how often it is asked for jobs."""

    asked = 0

    async def job_states(self, job_ids: Collection[str]) -> Mapping[str, RescoreState]:
        self.asked += 1
        return await super().job_states(job_ids)


async def test_a_job_is_asked_for_now_and_then_and_no_more_once_it_is_cancelled() -> None:
    store, now = Counted(), 0.0
    dependency = Dependencies(IMPATIENT).of("store")
    await become(store, RescoreState.RUNNING)
    jobs = LaneJobs(RetryingScores(store, dependency), clock=lambda: now)
    assert await asyncio.gather(*(jobs.refusal("job-1") for _ in range(3))) == [None] * 3
    assert store.asked == 1
    await become(store, RescoreState.CANCELLED)
    assert await jobs.refusal("job-1") is None
    now += ASK_SECONDS
    assert [await jobs.refusal("job-1") for _ in range(3)] == ["cancelled"] * 3
    now += ASK_SECONDS
    assert await jobs.refusal("job-1") == "cancelled"
    assert not jobs.is_waited_for("job-1")
    assert store.asked == 2


async def test_a_job_that_is_resumed_is_waited_for_again() -> None:
    store, now = Counted(), 0.0
    await become(store, RescoreState.WAITING)
    jobs = LaneJobs(RetryingScores(store, Dependencies(IMPATIENT).of("store")), clock=lambda: now)
    assert jobs.is_waited_for("job-1")
    assert await jobs.refusal("job-1") is None
    assert not jobs.is_waited_for("job-1")
    await become(store, RescoreState.RUNNING)
    now += ASK_SECONDS
    await jobs.refusal("job-1")
    assert jobs.is_waited_for("job-1")


class Spoiled(MemoryScores):
    """A store that cannot be read any more."""

    async def job_states(self, job_ids: Collection[str]) -> Mapping[str, RescoreState]:
        raise Broken(f"{job_ids}: damaged")


async def test_a_store_that_is_broken_is_not_waited_for_in_silence() -> None:
    jobs = LaneJobs(RetryingScores(Spoiled(), Dependencies(IMPATIENT).of("store")))
    assert jobs.is_waited_for("job-1")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    with pytest.raises(Broken):
        jobs.is_waited_for("job-1")


async def test_what_is_gone_meanwhile_is_skipped_and_not_dead_lettered() -> None:
    world = await tagged()
    world.images.versions.clear()
    world.images.objects.clear()
    await world.deliver(rescore_message(UPLOAD, version="2"))
    assert world.tags.buried == []
    assert world.counted("skipped") == 1


async def test_what_was_removed_meanwhile_is_not_resurrected() -> None:
    world = await tagged()
    removal = s3_message("ObjectRemoved:Delete", UPLOAD.location.key, minute=50, sequencer="B", offset=4)
    await world.deliver(removal, rescore_message(UPLOAD, version="2"))
    assert world.tagger.forwards == 0
    assert world.counted("skipped") == 1


async def test_a_newer_upload_is_what_is_scored() -> None:
    world = await tagged()
    newer = upload_of(minute=5)
    world.tagger = SpokenTagger(world.faults, version="1")
    await world.tag(newer, "human=0.9", offset=2)
    world.tagger = SpokenTagger(world.faults, version="2")
    await world.deliver(rescore_message(UPLOAD, version="2"))
    head = await world.head_of(newer)
    assert head.location == newer.location
    assert head.scores is not None
    assert head.scores.model.version == "2"


async def test_an_image_that_was_never_tagged_is_tagged() -> None:
    world = World()
    await world.put(UPLOAD, "ambiance=0.9")
    await world.deliver(rescore_message(UPLOAD, version="1"))
    assert world.said == [(topics.AMBIANCE, "ambiance", "added")]


async def test_a_spoiled_request_is_a_dead_letter() -> None:
    world = await tagged()
    await world.deliver(Message(topics.RESCORE, 0, 0, key=None, value=b"?"))
    assert world.refused == {(None, "malformed")}


async def test_a_live_redelivery_after_the_replay_is_the_newer_models_word() -> None:
    world = await tagged()
    await world.deliver(rescore_message(UPLOAD, version="2"), message_of(UPLOAD))
    assert world.tagger.forwards == 1
    assert world.counted("duplicate") == 1


@pytest.mark.parametrize("boundary", [b for b in (*BOUNDARIES, HALFWAY) if b[0] != "bury"], ids="/".join)
async def test_a_worker_killed_in_the_middle_of_a_rescore_is_made_good_by_the_redelivery(
    boundary: tuple[str, str],
) -> None:
    calm, faulted = await tagged(), await tagged(Faults())
    for world in (calm, faulted):
        await world.put(UPLOAD, "human=0.9")
    await calm.deliver(rescore_message(UPLOAD, version="2"))
    faulted.faults.boundary = boundary
    with pytest.raises(Crash):
        await faulted.deliver(rescore_message(UPLOAD, version="2"))
    await faulted.deliver(rescore_message(UPLOAD, version="2"))
    assert await faulted.head_of(UPLOAD) == await calm.head_of(UPLOAD)
    assert faulted.event_ids == calm.event_ids


async def test_new_routes_are_obeyed_by_the_scores_that_are_there_when_it_is_asked_for() -> None:
    world = World()
    await world.tag(UPLOAD, "ambiance=0.9 food=0.9")
    told = len(world.said)
    world.tagger = tagger = SpokenTagger(world.faults)
    tagger._policy = replace(tagger._policy, rules=(RouteRule(label="food", topic="photos.food.v1"),))
    asked = RescoreRequested.model_validate_json(rescore_message(UPLOAD, version="1").value or b"")
    again = wire.encode(asked.model_copy(update={"decide_again": True}))
    await world.deliver(Message(topics.RESCORE, 0, 1, key=None, value=again))
    assert sorted(world.said[told:]) == [
        (topics.AMBIANCE, "ambiance", "removed"),
        ("photos.food.v1", "food", "added"),
    ]
    assert world.tagger.forwards == 0
    assert world.counted("redecided") == 1
    await world.deliver(Message(topics.RESCORE, 0, 2, key=None, value=again))
    assert world.counted("duplicate") == 1


async def test_new_routes_leave_stored_images_alone_when_it_is_not_asked_for() -> None:
    world = World()
    await world.tag(UPLOAD, "ambiance=0.9")
    world.tagger = tagger = SpokenTagger(world.faults)
    tagger._policy = replace(tagger._policy, rules=())
    await world.deliver(rescore_message(UPLOAD, version="1"))
    assert world.said == [(topics.AMBIANCE, "ambiance", "added")]


async def test_the_metric_of_waiting_ends_when_the_version_is_resident() -> None:
    world = await tagged()
    task = world.desk().handle(rescore_message(UPLOAD, version="3"))
    assert not task.is_ready()
    world.tagger.model = SpokenTagger(version="3").model
    assert task.is_ready()
    waiting = world.metrics.registry.get_sample_value("tagstream_rescore_waiting", {"model_version": "3"})
    assert waiting == 0


async def test_a_claim_that_the_lane_knows_of_first_takes_the_scores_of_its_object() -> None:
    world = World()
    await world.tag(UPLOAD, "menu=0.9")
    again = upload_of(minute=5).model_copy(update={"location": UPLOAD.location})
    await world.deliver(rescore_message(again, version="1", offset=3))
    head = await world.head_of(UPLOAD)
    assert (head.position.event_id, head.reason, head.job) == (again.event_id, Reason.REPLAY, "job-1")
    assert (world.tagger.forwards, len(world.images.fetched)) == (1, 1)


async def test_a_request_says_whose_the_image_is_though_storage_spoke_later() -> None:
    world = World()
    await world.put(UPLOAD, "ambiance=0.9")
    await world.deliver(s3_message("ObjectCreated:Put", UPLOAD.location.key, minute=2, sequencer="A"))
    world.tagger = SpokenTagger(world.faults, version="2")
    await world.deliver(rescore_message(UPLOAD, version="2"))
    head = await world.head_of(UPLOAD)
    assert (head.position.sequencer, head.restaurant_id) == ("A", "r1")


class OvertakenImages(MemoryImages):
    """While its first image is fetched, another worker handles a newer upload."""

    def __init__(self, world: World) -> None:
        super().__init__(LIMITS)
        self._world: World | None = world

    async def fetch(self, location: Location) -> Fetched:
        world, self._world = self._world, None
        if world is not None:
            await world.deliver(message_of(upload_of(minute=5), offset=9))
        return await super().fetch(location)


async def test_a_request_that_a_newer_upload_overtakes_is_stale() -> None:
    world = World()
    await world.tag(UPLOAD, "menu=0.9")
    world.images = OvertakenImages(world)
    for upload in (UPLOAD, upload_of(minute=5)):
        await world.put(upload, "food=0.9")
    world.tagger = SpokenTagger(world.faults, version="2")
    await world.deliver(rescore_message(UPLOAD, version="2"))
    assert (world.counted("stale"), world.counted("rescored")) == (1, 0)
    assert (await world.head_of(UPLOAD)).location.version == "v5"
