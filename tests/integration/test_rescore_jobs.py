"""Jobs as commands start, resume and serve them, over a store in a file; without a worker, and a broker."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agents.wiring import settings
from agents.wiring.settings import Settings
from model.tiny_version import write_tiny_version
from operations import rescore, rescore_desk, rescore_jobs
from operations.rescore import RescoreRequest
from operations.rescore_lease import take
from operations.rescore_plan import RescorePlan
from schemas.errors import ConfigurationError
from schemas.events import RescoreMode
from schemas.rescore_jobs import FromIds, RescoreFilters, RescoreJob, RescoreState, ScoreBand
from streams.adapters.sqlite.store import SqliteScores
from tests.unit.head_builders import claim, scored, scoring
from tests.unit.test_audit_trail import record

MAY = datetime(2026, 5, 1, tzinfo=UTC)


@dataclass
class Seen:
    """What was told."""

    plans: list[RescorePlan] = field(default_factory=list)
    jobs: list[RescoreJob] = field(default_factory=list)
    failures: list[tuple[str, str]] = field(default_factory=list)

    def reading(self, done: int, total: int) -> None:
        raise AssertionError((done, total))

    def planned(self, plan: RescorePlan, _job: RescoreJob) -> None:
        self.plans.append(plan)

    def moved(self, job: RescoreJob) -> None:
        self.jobs.append(job)

    def away(self, dependency: str) -> None:
        raise AssertionError(dependency)

    back = away

    def failed(self, job_id: str, error: Exception) -> None:
        self.failures.append((job_id, str(error)))


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
async def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A store in which version 1 has scored an image, and a model of version v12."""
    write_tiny_version(tmp_path / "tiny", version="v12")
    monkeypatch.setenv("TAGSTREAM_MODEL__FOLDER", str(tmp_path / "tiny"))
    monkeypatch.setenv("TAGSTREAM_MODEL__DEVICE", "cpu")
    monkeypatch.setenv("TAGSTREAM_STORE__PATH", str(tmp_path / "kept.sqlite"))
    monkeypatch.setenv("TAGSTREAM_KAFKA__BROKERS", "127.0.0.1:9")  # nobody listens
    monkeypatch.setenv("TAGSTREAM_S3__BUCKETS", '["photos"]')
    one = scoring(claim(1), version="1", menu=0.9)
    async with SqliteScores(tmp_path / "kept.sqlite") as store:
        await store.apply("img_1", scored(claim(1), version="1", menu=0.9), record(one))
    return settings.load()


async def started(config: Settings, seen: Seen, **said: object) -> RescoreJob:
    request = RescoreRequest(**said)  # type: ignore[arg-type]
    done = await rescore.start(config, request, seen, planned=seen.planned, detach=True)
    assert done.job is not None
    return done.job


async def test_a_detached_job_is_kept_with_what_was_asked_for_and_nobody_runs_it(
    config: Settings, seen: Seen
) -> None:
    filters = RescoreFilters(label="menu", only_missing=False)
    job = await started(config, seen, start="store", filters=filters, rate=5.0, reason="menus")
    (found,) = await rescore_desk.every(config)
    assert isinstance(found, rescore_jobs.JobStanding)
    assert found.job == job
    assert (job.model_version, job.filters, job.rate, job.reason) == ("v12", filters, 5.0, "menus")
    assert (found.is_orphaned, found.runner, job.lease) == (True, None, None)
    assert seen.plans[0].choices == {"send": 1}


async def test_two_jobs_of_one_second_have_names_of_their_own(config: Settings, seen: Seen) -> None:
    jobs = [await started(config, seen, start="store") for _ in range(3)]
    assert len({job.id for job in jobs}) == 3
    assert (await rescore_desk.standing(config, None)).job.id == max(job.id for job in jobs)


async def test_a_dry_run_keeps_no_job(config: Settings, seen: Seen) -> None:
    done = await rescore.start(
        config, RescoreRequest(start="store"), seen, planned=seen.planned, dry_run=True
    )
    assert (done.job, done.plan.wanted, await rescore_desk.every(config)) == (None, 1, ())


async def test_a_version_that_nobody_has_is_refused_before_anything_is_kept(
    config: Settings, seen: Seen
) -> None:
    with pytest.raises(ConfigurationError, match="did you mean v12"):
        await started(config, seen, start="store", version="v13")
    assert await rescore_desk.every(config) == ()
    assert (await started(config, seen, start="store", version="v13", force=True)).model_version == "v13"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({}, "--from: say where to begin: one of --from earliest"),
        ({"start": "store", "prefix": "s3://photos/"}, "--from and --prefix: one of"),
        ({"start": "yesterday"}, "--from yesterday: say `earliest`"),
        ({"prefix": "photos"}, "not a bucket and a prefix, as in s3://photos/r1/"),
        ({"prefix": "s3://others/r1"}, "none of TAGSTREAM_S3__BUCKETS"),
        ({"ids": Path("nowhere.csv")}, "cannot be read: No such file"),
    ],
)
async def test_what_is_no_source_is_refused_with_what_is_one(
    config: Settings, seen: Seen, said: dict[str, object], words: str
) -> None:
    with pytest.raises(ConfigurationError, match=words):
        await started(config, seen, **said)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"rate": float("inf")}, "rate inf: images a second"),
        (
            {"filters": RescoreFilters(since=MAY, until=MAY)},
            "no photograph was uploaded before then and since",
        ),
        (
            {"filters": RescoreFilters(label="meun")},
            "--label meun: no image has that label.*did you mean menu",
        ),
        ({"filters": RescoreFilters(bands=(ScoreBand.parse("x:0-1"),))}, "--band x: .*there are .*menu"),
    ],
)
async def test_what_no_image_can_be_asked_by_is_refused_before_anything_is_kept(
    config: Settings, seen: Seen, said: dict[str, object], words: str
) -> None:
    with pytest.raises(ConfigurationError, match=words):
        await started(config, seen, start="store", **said)
    assert await rescore_desk.every(config) == ()


async def test_a_label_that_nobody_has_yet_can_be_asked_for(config: Settings, seen: Seen) -> None:
    job = await started(config, seen, start="store", force=True, filters=RescoreFilters(label="meun"))
    assert job.filters.label == "meun"


async def test_a_rate_that_limits_nothing_is_refused_with_what_takes_it_away(
    config: Settings, seen: Seen
) -> None:
    job = await started(config, seen, start="store")
    with pytest.raises(ConfigurationError, match="`tagstream replay rate JOB 0`"):
        await rescore_desk.steered(config, lambda jobs: rescore_jobs.set_rate(jobs, job.id, float("inf")))


async def test_a_shadow_whose_registry_is_away_waits_and_says_so_and_fails_by_nothing(
    config: Settings, seen: Seen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAGSTREAM_REGISTRY__URL", str(tmp_path / "not-mounted"))
    config = settings.load()
    job = await started(config, seen, start="store", version="v13", force=True, mode=RescoreMode.SHADOW)
    watch = Missing()
    going = asyncio.create_task(rescore.resume(config, job.id, watch))
    async with asyncio.timeout(20):
        await watch.told.wait()
    going.cancel()
    await asyncio.gather(going, return_exceptions=True)
    left = (await rescore_desk.standing(config, job.id)).job
    assert (watch.dependencies, left.state, left.lease) == ({"registry"}, RescoreState.RUNNING, None)


class Missing(Seen):
    """Told what is away."""

    def __init__(self) -> None:
        super().__init__()
        self.dependencies: set[str] = set()
        self.told = asyncio.Event()

    def away(self, dependency: str) -> None:
        self.dependencies.add(dependency)
        self.told.set()

    back = away


@pytest.fixture
async def spoiled(config: Settings, seen: Seen, tmp_path: Path) -> RescoreJob:
    """A job by a file that has changed since."""
    (tmp_path / "ids.csv").write_text("img_1\n")
    job = await started(config, seen, ids=tmp_path / "ids.csv")
    assert isinstance(job.source, FromIds)
    assert job.total == 1
    (tmp_path / "ids.csv").write_text("img_2\n")
    return job


async def test_a_job_that_cannot_go_on_has_failed_and_says_why_and_can_be_resumed_when_that_is_mended(
    config: Settings, seen: Seen, spoiled: RescoreJob, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError, match="it has changed"):
        await rescore.resume(config, spoiled.id, seen)
    failed = (await rescore_desk.standing(config, spoiled.id)).job
    assert (failed.state, failed.lease) == (RescoreState.FAILED, None)
    assert "it has changed since the job was started: put back what it was" in failed.why
    (tmp_path / "ids.csv").write_text("img_1\n")
    async with asyncio.timeout(20), SqliteScores(config.store.path) as store:
        going = asyncio.create_task(rescore.resume(config, spoiled.id, Waiting()))
        while (job := await store.job(spoiled.id)) is None or job.state is not RescoreState.RUNNING:
            await asyncio.sleep(0.05)
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going
    rested = (await rescore_desk.standing(config, spoiled.id)).job
    assert (rested.state, rested.lease, rested.why) == (RescoreState.RUNNING, None, "")


class Waiting(Seen):
    """Told that the broker is away."""

    def away(self, dependency: str) -> None:
        assert dependency == "broker"

    back = away


async def test_a_service_runs_what_nobody_runs_and_tells_what_cannot_go_on(
    config: Settings, seen: Seen, spoiled: RescoreJob
) -> None:
    paused = await started(config, seen, start="store")
    held = await started(config, seen, start="store")
    async with SqliteScores(config.store.path) as store:
        await rescore_jobs.pause(store, paused.id)
        await take(store, held.id, "host:1:a", outlast=lambda call: call())
        service = asyncio.create_task(rescore.run_all(config, seen, failed=seen.failed))
        async with asyncio.timeout(20):
            while not seen.failures:
                await asyncio.sleep(0.05)
        service.cancel()
        await asyncio.gather(service, return_exceptions=True)
        states = await store.job_states([paused.id, held.id, spoiled.id])
    assert [name for name, _ in seen.failures] == [spoiled.id]
    assert states == {paused.id: "paused", held.id: "running", spoiled.id: "failed"}


async def test_a_job_that_is_edited_by_hand_while_it_runs_stops_with_the_field_and_goes_on_once_it_is_mended(
    config: Settings, seen: Seen
) -> None:
    job = await started(config, seen, start="store", rate=5.0)
    async with SqliteScores(config.store.path) as store:
        held = await take(store, job.id, "host:1:a", outlast=lambda call: call())
        edited(config.store.path, job.id, rate="fast")
        with pytest.raises(ConfigurationError, match=f"{job.id}: its document .* rate: .* mend that field"):
            await held.change(lambda job: job)
        edited(config.store.path, job.id, rate=7)
        changed = await held.change(lambda job: job)
    assert (changed.rate, changed.state, changed.checkpoint) == (7.0, job.state, job.checkpoint)


def edited(path: Path, job_id: str, *, rate: object) -> None:
    """The document as somebody leaves it who has opened the store."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "UPDATE rescore_jobs SET document = json_set(document, '$.rate', ?) WHERE id = ?", (rate, job_id)
        )


async def test_a_file_that_is_on_another_machine_is_left_to_a_service_there(
    config: Settings, seen: Seen, tmp_path: Path
) -> None:
    (tmp_path / "ids.csv").write_text("img_1\n")
    job = await started(config, seen, ids=tmp_path / "ids.csv")
    (tmp_path / "ids.csv").unlink()
    service = asyncio.create_task(rescore.run_all(config, seen, failed=seen.failed))
    await asyncio.sleep(0.5)
    service.cancel()
    await asyncio.gather(service, return_exceptions=True)
    assert (await rescore_desk.standing(config, job.id)).job == job
    assert seen.failures == []


async def test_a_name_that_no_job_has_is_told_with_the_nearest(config: Settings, seen: Seen) -> None:
    job = await started(config, seen, start="store")
    with pytest.raises(ConfigurationError, match=f"there is no such job; did you mean {job.id}"):
        await rescore_desk.standing(config, job.id.lower())
    with pytest.raises(ConfigurationError, match="`tagstream replay list` shows them"):
        await rescore_desk.steered(config, lambda jobs: rescore_jobs.pause(jobs, "x"))


async def test_a_finished_job_is_neither_paused_nor_cancelled(config: Settings, seen: Seen) -> None:
    job = await started(config, seen, start="store")
    async with SqliteScores(config.store.path) as store:
        over = job.model_copy(update={"state": RescoreState.FINISHED, "revision": 1})
        assert await store.replace_job(over, over=0)
        for steer in (rescore_jobs.pause, rescore_jobs.cancel):
            with pytest.raises(ConfigurationError, match="it is finished"):
                await steer(store, job.id)
