"""Runners of jobs: the checkpoint moves behind what is settled; who takes over repeats what was open."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from agents.ports import OneVersion
from operations import rescore_jobs
from operations.lane_filling import MOST_OPEN, OPEN, LaneFilling
from operations.rescore_jobs import resumed
from operations.rescore_lease import LeaseTaken, take
from operations.rescore_settling import PROBE_SECONDS
from schemas.errors import ConfigurationError, Unavailable
from schemas.leases import Lease
from schemas.records import ImageHead
from schemas.rescore_jobs import (
    FromPrefix,
    FromStore,
    FromUploads,
    RescoreFilters,
    RescoreJob,
    RescoreState,
)
from schemas.worker_states import WorkerState
from streams.adapters.memory import MemoryScores
from streams.resilience.retry import Dependencies, Hooks
from tests.contract.builders import FIRST_MODEL

from .rescore_rig import PAGE, Rig
from .straight_path import IMPATIENT, Crash, SpokenTagger, s3_message, upload_of

Steer = Callable[[MemoryScores, str], Awaitable[RescoreJob]]
MANY = [upload_of(f"r1/{number}.jpg") for number in range(5 * PAGE - 1)]


@pytest.fixture
async def rig(tmp_path: Path) -> Rig:
    made = Rig(tmp_path)
    await made.tagged(*MANY)
    made.serve("2")
    return made


async def test_a_job_scores_every_image_of_the_store_and_is_finished(rig: Rig) -> None:
    await rig.started()
    job = await rig.run()
    assert (job.state, job.lease, job.unfinished) == (RescoreState.FINISHED, None, ())
    counts = job.counts
    assert (counts.chosen, counts.sent, counts.rescored) == ({"send": 19}, 19, 19)
    assert await rig.versions(*MANY) == [["1", "2"]] * 19
    assert await rig.job() == job


async def test_the_checkpoint_moves_with_each_page_that_is_settled(rig: Rig) -> None:
    await rig.started()
    await rig.run()
    settled = [(job.counts.sent, job.checkpoint.after) for job in rig.seen if not job.checkpoint.is_at_end]
    in_order = sorted(upload.image_id for upload in MANY)
    assert settled == [(n, in_order[n - 1]) for n in (4, 8, 12, 16, 19)]


async def test_no_more_than_two_pages_are_in_the_lane_of_slow_workers(rig: Rig) -> None:
    await rig.started()
    most = 0

    def look() -> None:
        nonlocal most
        most = max(most, len(rig.lane.messages) + PAGE - rig.lane.committed)

    rig.lane.on_publish, rig.lane.at_once, rig.lane.every = look, 1, 4
    await rig.run()
    assert most == OPEN * PAGE


def filled(speed: int, *, considered: int = 1, seconds: int = 30) -> LaneFilling:
    """After pages of so many a second, of each `considered` images one was asked for."""
    filling = LaneFilling(500)
    for second in range(seconds):
        filling.settled(speed * considered, speed, float(second))
    return filling


@pytest.mark.parametrize(
    ("speed", "size", "pages"),
    [(0, 16, OPEN), (8, 16, 3), (50, 50, 5), (500, 500, 5), (1_000, 500, 9), (100_000, 500, MOST_OPEN)],
)
def test_a_page_is_what_workers_do_in_a_second_and_the_lane_holds_four_beside_one(
    speed: int, size: int, pages: int
) -> None:
    filling = filled(speed) if speed else LaneFilling(500)
    assert (filling.size(None), filling.pages(None)) == (size, pages)


def test_a_page_is_larger_where_few_of_its_images_are_asked_for() -> None:
    assert filled(20, considered=10).size(None) == 200
    nothing_wanted = LaneFilling(500)
    nothing_wanted.settled(16, 0, 0.0)
    assert nothing_wanted.size(None) == 500


@pytest.mark.parametrize(("rate", "size"), [(0.2, 1), (10, 10), (50, 20)])
def test_a_page_at_a_rate_is_of_what_comes_in_a_second(rate: float, size: int) -> None:
    assert filled(20).size(rate) == size
    assert LaneFilling(500).size(rate) == math.ceil(rate)


def test_a_fleet_that_slows_down_gets_smaller_pages() -> None:
    filling = filled(2_000, seconds=20)
    assert (filling.size(None), filling.pages(None)) == (500, 17)
    filling.settled(500, 500, 40.0)
    assert (filling.size(None), filling.pages(None)) == (16, OPEN)


async def test_what_the_version_has_scored_is_passed_over_by_another_job(rig: Rig) -> None:
    await rig.started()
    await rig.run()
    await rig.started(id="job-3")
    again = await rig.runner(await rig.held(job_id="job-3")).run()
    assert (again.counts.chosen, again.counts.sent) == ({"scored": 19}, 0)
    assert len(rig.lane.messages) == 19


@pytest.mark.parametrize("publications", range(5))
async def test_a_runner_that_is_killed_is_followed_by_another_and_nothing_is_scored_twice(
    rig: Rig, publications: int
) -> None:
    await rig.started()
    rig.lane.at_once = 3

    def die() -> None:
        nonlocal publications
        publications -= 1
        if publications < 0:
            rig.lane.on_publish = lambda: None
            raise Crash

    rig.lane.on_publish = die
    with pytest.raises(Crash):
        await rig.run()
    left = await rig.job()
    await _expire(rig)
    job = await rig.run(runner="host:2:b")
    assert (job.state, job.counts.rescored, job.counts.unfinished) == (RescoreState.FINISHED, 19, 0)
    assert await rig.versions(*MANY) == [["1", "2"]] * 19
    assert rig.world.tagger.forwards == 19
    twice = [image for image, times in Counter(rig.lane.images).items() if times > 1]
    assert len(twice) <= OPEN * PAGE
    assert all(image > left.checkpoint.after for image in twice)


async def _expire(rig: Rig) -> None:
    """The killed runner's lease is over."""
    job = await rig.job()
    assert job.lease is not None
    past = Lease(runner=job.lease.runner, until=job.created_at.replace(year=2020))
    written = job.model_copy(update={"lease": past, "revision": job.revision + 1})
    assert await rig.world.scores.replace_job(written, over=job.revision)


async def test_who_would_run_a_job_that_is_run_is_told_by_whom_and_until_when(rig: Rig) -> None:
    await rig.started()
    held = await rig.held()
    assert held.job.lease is not None
    until = held.job.lease.until.isoformat(timespec="seconds")
    with pytest.raises(ConfigurationError, match=f"host:1:a runs it, until .*{until[11:19]}"):
        await rig.held("host:2:b")


async def test_a_runner_whose_job_was_taken_over_moves_nothing_any_more(rig: Rig) -> None:
    await rig.started()
    frozen = await rig.held()
    await _expire(rig)
    await rig.held("host:2:b")
    before = await rig.job()
    with pytest.raises(LeaseTaken, match="host:2:b runs it now"):
        await rig.runner(frozen).run()
    assert await rig.job() == before


async def test_a_runner_hears_from_its_renewal_that_another_has_the_job(rig: Rig) -> None:
    await rig.started()
    frozen = await rig.held()
    await _expire(rig)
    await rig.held("host:2:b")
    frozen._clock = rig.clock
    stopped = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    with pytest.raises(LeaseTaken):
        await frozen.while_held(work())
    assert stopped.is_set()


async def test_a_job_is_paused_within_what_is_open_and_goes_on_from_there(rig: Rig) -> None:
    await rig.started()
    held = await rig.held()
    rig.seen.clear()
    runner = rig.runner(held)
    published = 0

    def pause() -> None:
        nonlocal published
        published += 1
        if published == 2:
            held.job = held.job.model_copy(update={"state": RescoreState.PAUSED})

    rig.lane.on_publish = pause
    await rescore_jobs.pause(rig.world.scores, "job-2")
    paused = await runner.run()
    assert (paused.state, paused.lease, paused.counts.sent) == (RescoreState.PAUSED, None, 2 * PAGE)
    job = await rig.run()
    assert (job.state, job.counts.sent, job.counts.rescored) == (RescoreState.FINISHED, 19, 19)
    assert len(rig.lane.messages) == 19


async def test_a_job_that_is_paused_while_no_worker_runs_lets_go_after_a_while(rig: Rig) -> None:
    await rig.started()
    held = await rig.held()
    rig.lane.is_manned = False

    async def pause() -> None:
        if rig.clock.now > 5 and held.job.state is RescoreState.RUNNING:
            await rescore_jobs.pause(rig.world.scores, "job-2")
            await held.change(lambda job: job)

    rig.clock.on_sleep = pause
    paused = await rig.runner(held).run()
    assert (paused.state, paused.lease, paused.counts.sent) == (RescoreState.PAUSED, None, 0)


async def test_the_requests_of_a_cancelled_job_are_passed_over(rig: Rig) -> None:
    await rig.started()
    held = await rig.held()
    rig.lane.is_manned = False

    async def cancel() -> None:
        if held.job.state is RescoreState.RUNNING:
            await rescore_jobs.cancel(rig.world.scores, "job-2")
            await held.change(lambda job: job)

    rig.clock.on_sleep = cancel
    job = await rig.runner(held).run()
    assert job.state is RescoreState.CANCELLED
    rig.lane.is_manned = True
    assert await rig.lane.left() == 0
    assert (rig.world.counted("cancelled"), rig.world.tagger.forwards) == (2 * PAGE, 0)
    with pytest.raises(ConfigurationError, match="it is cancelled; `tagstream replay start` begins another"):
        await rig.held()


async def test_a_job_whose_version_nobody_has_waits_and_says_so_and_goes_on_when_somebody_has(
    rig: Rig,
) -> None:
    rig.serve("1")
    await rig.started()

    async def roll_out() -> None:
        if rig.clock.now > 200:
            rig.serve("2")

    rig.clock.on_sleep = roll_out
    job = await rig.run()
    waiting = [seen for seen in rig.seen if seen.state is RescoreState.WAITING]
    assert waiting[0].why.startswith(
        "for 30 seconds no worker has taken a request: version 2: no worker runs"
    )
    assert waiting[0].checkpoint.after == ""
    assert (job.state, job.why, job.counts.rescored) == (RescoreState.FINISHED, "", 19)
    assert (job.counts.sent, job.counts.unfinished) == (19, 0)
    assert rig.world.counted("not_resident") > 0


def worker(*versions: str) -> WorkerState:
    """One that runs now, and says that it has these."""
    models = tuple(FIRST_MODEL.model_copy(update={"version": version}) for version in versions)
    now = datetime.now(UTC)
    return WorkerState(
        id="w1",
        started_at=now,
        seen_at=now,
        release="1",
        serving=models[0],
        resident=models,
        computed_by="a test",
    )


async def test_a_version_that_vanishes_in_mid_job_is_waited_for_though_workers_pass_over_it_at_once(
    rig: Rig,
) -> None:
    await rig.world.scores.note_worker(worker("1"))
    rig.world.versions = GivenUp(rig)
    await rig.started()

    async def roll_out() -> None:
        if rig.clock.now > 100:
            rig.world.versions = None
            await rig.world.scores.note_worker(worker("2"))

    rig.clock.on_sleep = roll_out
    job = await rig.run()
    waiting = [seen for seen in rig.seen if seen.state is RescoreState.WAITING]
    assert waiting[0].why == "nobody scores by version 2: of 1 that run none has it"
    assert (job.state, job.counts.rescored, job.counts.unfinished) == (RescoreState.FINISHED, 19, 0)
    assert len(rig.lane.messages) < 19 + 2 * PAGE + 100 / PROBE_SECONDS + 2


class GivenUp(OneVersion):
    """A worker that waits for no version but its own."""

    def __init__(self, rig: Rig) -> None:
        super().__init__(SpokenTagger(rig.world.faults, version="1"))

    def is_given_up(self, version: str) -> bool:
        return version != "1"


async def test_a_page_of_photographs_that_nobody_can_score_is_passed_though_workers_have_the_version(
    rig: Rig,
) -> None:
    await rig.world.scores.note_worker(worker("2"))
    for upload in MANY:
        await rig.world.put(upload, "")
    await rig.started()
    job = await rig.run()
    assert (job.state, job.counts.unfinished, job.counts.rescored) == (RescoreState.FINISHED, 19, 0)


async def test_a_job_paused_before_its_version_came_has_not_left_its_images_behind(rig: Rig) -> None:
    rig.serve("1")
    await rig.started()
    held = await rig.held()

    async def pause() -> None:
        if held.job.state is RescoreState.RUNNING:
            await rescore_jobs.pause(rig.world.scores, "job-2")
            await held.change(lambda job: job)

    rig.clock.on_sleep = pause
    paused = await rig.runner(held).run()
    assert (paused.state, paused.counts.sent) == (RescoreState.PAUSED, 0)
    rig.clock.on_sleep = None
    rig.serve("2")
    job = await rig.run()
    assert (job.state, job.counts.rescored) == (RescoreState.FINISHED, 19)


@pytest.mark.parametrize("steer", [rescore_jobs.pause, rescore_jobs.cancel])
async def test_a_job_that_waits_for_its_version_can_be_stopped(rig: Rig, steer: Steer) -> None:
    rig.serve("1")
    await rig.started()
    held = await rig.held()
    asked = 0

    async def stop() -> None:
        nonlocal asked
        if rig.clock.now > 100 and held.job.state is RescoreState.WAITING:
            asked = len(rig.lane.messages)
            await steer(rig.world.scores, "job-2")
            await held.change(lambda job: job)

    rig.clock.on_sleep = stop
    async with asyncio.timeout(20):
        job = await rig.runner(held).run()
    assert job.state in {RescoreState.PAUSED, RescoreState.CANCELLED}
    assert (job.lease, job.checkpoint.after, len(rig.lane.messages)) == (None, "", asked)


async def test_a_job_that_waits_for_its_version_does_not_stand_before_another(rig: Rig) -> None:
    await rig.started(id="job-3", model_version="3")
    waits = asyncio.create_task(rig.runner(await rig.held(job_id="job-3")).run())
    async with asyncio.timeout(20):
        while not rig.lane.messages:
            await asyncio.sleep(0)
    await rig.started()
    job = await rig.run()
    assert (job.state, job.counts.rescored) == (RescoreState.FINISHED, 19)
    assert (await rig.world.scores.job_states(["job-3"]))["job-3"] is RescoreState.WAITING
    waits.cancel()


async def test_what_is_unfinished_is_tried_once_more_and_then_named(rig: Rig) -> None:
    await rig.world.put(MANY[3], "")  # nothing to be seen: a dead letter
    await rig.started()
    job = await rig.run()
    assert (job.state, job.counts.rescored, job.counts.unfinished) == (RescoreState.FINISHED, 18, 1)
    assert job.unfinished == (MANY[3].image_id,)
    assert rig.lane.images.count(MANY[3].image_id) == 2


async def test_what_can_be_scored_at_the_second_try_is_not_unfinished(rig: Rig) -> None:
    await rig.world.put(MANY[3], "")
    await rig.started()

    async def mend() -> None:
        if rig.seen and rig.seen[-1].checkpoint.is_at_end:
            await rig.world.put(MANY[3], "human=0.9")

    put, rig.lane.on_publish = [], lambda: put.append(len(rig.lane.messages))
    ends = rig.lane.ends

    async def mended() -> dict[int, int]:
        await mend()
        return await ends()

    rig.lane.ends = mended  # type: ignore[method-assign]
    job = await rig.run()
    assert (job.counts.rescored, job.counts.unfinished, job.counts.changed) == (19, 0, 1)
    assert (job.labels["human"].gained, job.labels["menu"].lost) == (1, 1)


async def test_what_was_removed_meanwhile_is_skipped(rig: Rig) -> None:
    await rig.started()
    gone = MANY[2].location.key
    removal = s3_message("ObjectRemoved:Delete", gone, minute=50, sequencer="B", offset=90)

    left = rig.lane.left

    async def removed_meanwhile(until: Mapping[int, int] | None = None) -> int:
        if not rig.lane.looks:
            await rig.world.deliver(removal)
        return await left(until)

    rig.lane.left = removed_meanwhile  # type: ignore[method-assign]
    job = await rig.run()
    assert job.counts.skipped + job.counts.chosen.get("removed", 0) == 1
    assert job.counts.unfinished == 0


async def test_the_changes_are_counted_label_by_label(rig: Rig) -> None:
    for upload in MANY[:5]:
        await rig.world.put(upload, "ambiance=0.9")
    await rig.started()
    job = await rig.run()
    menu, ambiance = job.labels["menu"], job.labels["ambiance"]
    assert job.counts.changed == 5
    assert (menu.before, menu.after, menu.gained, menu.lost) == (19, 14, 0, 5)
    assert (ambiance.before, ambiance.after, ambiance.gained, ambiance.lost) == (0, 5, 5, 0)


async def test_a_rate_is_kept_and_another_holds_from_the_next_page_on(rig: Rig) -> None:
    await rig.started(rate=0.5)
    held = await rig.held()

    async def hurry() -> None:
        if rig.clock.now >= 10 and held.job.rate == 0.5:
            await rescore_jobs.set_rate(rig.world.scores, "job-2", None)
            await held.change(lambda job: job)

    rig.clock.on_sleep = hurry
    await rig.runner(held).run()
    sent = [(job.counts.sent, job.rate) for job in rig.seen if not job.checkpoint.is_at_end]
    assert [each for each, rate in sent if rate == 0.5][-1] <= 10 * 0.5 + PAGE
    assert rig.clock.now < 19 / 0.5


class Flaky(MemoryScores):
    """A store that loses the answer of every second change of a job, after it was made or before."""

    calls = 0

    async def replace_job(self, job: RescoreJob, *, over: int) -> bool:
        self.calls += 1
        if self.calls % 3 == 1:
            raise Unavailable("store")
        made = await super().replace_job(job, over=over)
        if self.calls % 3 == 2:
            raise Unavailable("store")
        return made


async def test_a_store_that_loses_answers_counts_nothing_twice(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.world.scores = Flaky()
    await rig.tagged(*MANY)
    await rig.world.put(MANY[3], "")
    rig.serve("2")
    await rig.started()
    job = await rig.run()
    assert (job.state, job.counts.sent, job.counts.rescored) == (RescoreState.FINISHED, 19, 18)
    assert (job.counts.unfinished, len(job.unfinished)) == (1, 1)


class Absent(MemoryScores):
    """A store that answers nothing for a while, once it is told to go."""

    away = 0

    def check(self) -> None:
        if self.away:
            self.away -= 1
            raise Unavailable("store", "nobody there")

    async def heads(self, image_ids: Collection[str]) -> Mapping[str, ImageHead]:
        self.check()
        return await super().heads(image_ids)

    async def scan(self, *, after: str = "", limit: int = 500) -> tuple[ImageHead, ...]:
        self.check()
        return await super().scan(after=after, limit=limit)

    async def job(self, job_id: str) -> RescoreJob | None:
        self.check()
        return await super().job(job_id)


async def test_a_store_that_is_away_for_a_while_is_waited_for_and_that_is_said(tmp_path: Path) -> None:
    rig, told = Rig(tmp_path), list[str]()
    rig.world.scores = store = Absent()
    await rig.tagged(*MANY)
    rig.serve("2")
    await rig.started()
    hooks = Hooks(
        on_trip=lambda name: told.append(f"{name} away"), on_reset=lambda name: told.append(f"{name} back")
    )
    rig.outlast = Dependencies(IMPATIENT, hooks=hooks).retry_until_available  # type: ignore[method-assign]
    publications = 0

    def go() -> None:
        nonlocal publications
        publications += 1
        if publications in {2, 4}:
            store.away = 9

    rig.lane.on_publish = go
    job = await rig.run()
    assert (job.state, job.counts.rescored, job.counts.unfinished) == (RescoreState.FINISHED, 19, 0)
    assert told == ["store away", "store back"] * 2
    assert len(rig.lane.messages) == 19


class Late(MemoryScores):
    """A store that makes every change at once, and tells of one of them when it is let to."""

    def __init__(self) -> None:
        super().__init__()
        self.told = asyncio.Event()
        self.is_late = False

    async def replace_job(self, job: RescoreJob, *, over: int) -> bool:
        made = await super().replace_job(job, over=over)
        if self.is_late:
            self.is_late = False
            await self.told.wait()
        return made


async def test_a_renewal_that_is_told_late_does_not_take_back_what_came_after_it(rig: Rig) -> None:
    rig.world.scores = store = Late()
    await rig.started()
    held = await rig.held()
    store.is_late = True
    renewal = asyncio.create_task(held.change(lambda job: job))
    await asyncio.sleep(0)
    await held.change(lambda job: job.model_copy(update={"rate": 2.0}))
    store.told.set()
    await renewal
    assert held.job == await rig.job()
    assert held.job.rate == 2.0


async def test_what_has_the_version_is_decided_on_anew_where_that_is_asked_for(rig: Rig) -> None:
    rig.serve("1")
    await rig.started(model_version="1", filters=RescoreFilters(decide_again=True))
    job = await rig.run()
    assert (job.counts.chosen, job.counts.rescored) == ({"decide": 19}, 19)
    assert rig.world.tagger.forwards == 0


async def test_a_job_is_run_over_the_uploads_topic_and_taken_over_there(rig: Rig) -> None:
    await rig.started()
    with rig.uploads() as source:
        await source.gather(lambda *_: None)
        rig.lane.on_publish = _dying_at(3)
        with pytest.raises(Crash):
            await rig.run(source=source)
    await _expire(rig)
    rig.lane.on_publish = lambda: None
    with rig.uploads(together=3) as source:
        await source.gather(lambda *_: None)
        job = await rig.run(source=source, runner="host:2:b")
    assert (job.state, job.counts.rescored) == (RescoreState.FINISHED, 19)
    assert rig.world.tagger.forwards == 19


async def test_a_job_whose_uploads_have_expired_goes_on_by_the_store_from_its_checkpoint(rig: Rig) -> None:
    asked = FromUploads(begin={3: 0}, end={3: len(rig.messages)})
    await rig.started(source=asked, total=19)
    with rig.uploads(asked) as source:
        await source.gather(lambda *_: None)
        rig.lane.on_publish = _dying_at(4)
        with pytest.raises(Crash):
            await rig.run(source=source)
    await _expire(rig)
    rig.lane.on_publish = lambda: None
    settled = (await rig.job()).counts.looked_at
    change = partial(resumed, from_store=True)
    held = await take(rig.world.scores, "job-2", "host:2:b", outlast=rig.outlast, change=change)
    assert (held.job.source, held.job.total) == (FromStore(), None)
    job = await rig.runner(held).run()
    assert 0 < settled < job.counts.looked_at == 19
    assert (job.state, job.counts.rescored, rig.world.tagger.forwards) == (RescoreState.FINISHED, 19, 19)


async def test_a_job_that_no_topic_names_has_no_use_for_the_store_instead(rig: Rig) -> None:
    job = await rig.started(source=FromPrefix(bucket="photos"))
    with pytest.raises(ConfigurationError, match=r"no topic that forgets names its images \(prefix\)"):
        resumed(job, from_store=True)


def _dying_at(publication: int):  # type: ignore[no-untyped-def]  # noqa: ANN202
    left = publication

    def die() -> None:
        nonlocal left
        left -= 1
        if not left:
            raise Crash

    return die
