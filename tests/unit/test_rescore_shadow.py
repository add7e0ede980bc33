"""A shadow job compares as it goes, whoever runs it, and is published by a job of its own."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from operations import rescore_publication
from operations.rescore_lease import LeaseTaken
from schemas.errors import ConfigurationError
from schemas.events import RescoreMode
from schemas.rescore_jobs import RescoreJob, RescoreState

from .rescore_rig import PAGE, Rig
from .straight_path import SpokenTagger, upload_of

UPLOADS = [upload_of(f"r1/{number}.jpg") for number in range(3 * PAGE)]
"""Three pages."""


class Second(SpokenTagger):
    """Version 2, which sees menus nowhere, and ambiance where version 1 saw a menu in every other picture."""

    def __init__(self) -> None:
        super().__init__(version="2")
        self.seen = 0

    async def decode(self, data: bytes) -> bytes:
        self.seen += 1
        return await super().decode(b"ambiance=0.9" if self.seen % 2 else data)


@pytest.fixture
async def rig(tmp_path: Path) -> Rig:
    made = Rig(tmp_path)
    await made.tagged(*UPLOADS)
    made.world.tagger = Second()
    return made


async def published(rig: Rig, shadow: RescoreJob) -> RescoreJob:
    job = rescore_publication.of(shadow, now=datetime.now(UTC), by="ann")
    assert await rig.world.scores.create_job(job)
    return await rig.runner(await rig.held(job_id=job.id)).run()


async def test_a_shadow_compares_each_image_once_and_changes_none(rig: Rig) -> None:
    await rig.started(mode=RescoreMode.SHADOW)
    job = await rig.run()
    assert job.state is RescoreState.FINISHED
    assert job.diff is not None
    assert (job.diff.images, job.diff.changed) == (len(UPLOADS), len(UPLOADS) / 2)
    assert job.diff.labels["menu"].removed == job.diff.labels["ambiance"].added == len(UPLOADS) / 2
    assert (job.counts.rescored, job.counts.changed, job.counts.unfinished) == (12, 6, 0)
    for upload in UPLOADS:
        head = await rig.world.head_of(upload)
        assert head.scores is not None
        assert head.scores.model.version == "1"
    assert await rig.versions(*UPLOADS) == [["1", "2"]] * len(UPLOADS)


async def test_a_shadow_whose_runner_is_killed_compares_no_image_twice(rig: Rig) -> None:
    await rig.started(mode=RescoreMode.SHADOW)
    held = await rig.held()
    pages = 0

    def die() -> None:
        nonlocal pages
        pages += 1
        if pages == 3:
            raise LeaseTaken

    rig.lane.on_publish = die
    with pytest.raises(LeaseTaken):
        await rig.runner(held).run()
    rig.lane.on_publish = lambda: None
    await held.give_back(lambda job: job)
    job = await rig.run(runner="host:2:b")
    assert job.diff is not None
    assert job.diff.images == len(UPLOADS)
    assert await rig.versions(*UPLOADS) == [["1", "2"]] * len(UPLOADS)


async def test_a_publication_takes_every_shadow_s_scores_and_what_came_later_is_passed_over(rig: Rig) -> None:
    await rig.started(mode=RescoreMode.SHADOW)
    shadow = await rig.run()
    later = upload_of("r1/later.jpg")
    rig.serve("1")
    await rig.tagged(later)
    rig.world.tagger = Second()
    done = await published(rig, shadow)
    assert done.state is RescoreState.FINISHED
    assert (done.counts.rescored, done.counts.skipped, done.counts.unfinished) == (len(UPLOADS), 1, 0)
    assert rig.world.tagger.forwards == 0
    for upload in UPLOADS:
        head = await rig.world.head_of(upload)
        assert head.scores is not None
        assert head.scores.model.version == "2"
    newest = await rig.world.head_of(later)
    assert newest.scores is not None
    assert newest.scores.model.version == "1"


async def test_only_a_finished_shadow_may_be_published(rig: Rig) -> None:
    applied = await rig.started()
    with pytest.raises(ConfigurationError, match="is no shadow"):
        rescore_publication.refuse_unready(applied)
    shadow = applied.model_copy(update={"mode": RescoreMode.SHADOW})
    with pytest.raises(ConfigurationError, match="not finished"):
        rescore_publication.refuse_unready(shadow)
    with pytest.raises(ConfigurationError, match="no image"):
        rescore_publication.refuse_unready(shadow.model_copy(update={"state": RescoreState.FINISHED}))
