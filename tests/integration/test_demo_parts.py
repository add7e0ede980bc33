"""What the demo uploads, whom it kills, and how it reads its workers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from schemas.errors import ConfigurationError
from schemas.records import ImageHead, Kept
from streams.adapters.sqlite.store import SqliteScores
from streams.ports import Change
from tagstream.demo import drill, photos, stages
from tagstream.demo.drill import Aim
from tagstream.demo.photos import Photo
from tagstream.demo.workers import Worker, WorkerDied, Workers, environment
from tests.unit.demo_builders import photo, tagged

SLEEPER = "import time; time.sleep(60)"


def test_the_samples_bring_a_truncated_jpeg_and_a_missing_object(tmp_path: Path) -> None:
    chosen = photos.samples(tmp_path)
    assert len({each.image_id for each in chosen}) == len(chosen)
    (cut,) = tmp_path.iterdir()
    assert cut in {each.path for each in chosen}
    assert [each.name for each in chosen if each.path is None] == ["never-uploaded.jpg"]
    assert all(each.restaurant_id for each in chosen)


def test_a_folder_s_restaurants_are_the_folders_that_hold_the_photographs(tmp_path: Path) -> None:
    for name in ("lucia/a.jpg", "lucia/b.png", "north/deep/c.JPG"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = {each.name: each.restaurant_id for each in photos.of_folder(tmp_path)}
    assert found == {"lucia/a.jpg": "lucia", "lucia/b.png": "lucia", "north/deep/c.JPG": "deep"}


def test_names_that_no_key_can_have_are_uploaded_under_another(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.jpg")).touch()
    long = tmp_path.joinpath(*["n" * 200] * 5)
    long.mkdir(parents=True)
    (long / "x.png").touch()
    found: list[Photo] = list(photos.of_folder(tmp_path))
    assert [each.location.key for each in found] == ["unnameable/0.jpg", "unnameable/1.png"]
    assert found[0].name == "caf\N{REPLACEMENT CHARACTER}.jpg"


def test_more_photographs_than_the_broker_holds_are_refused(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.jpg").touch()
    with pytest.raises(ConfigurationError, match="3 photographs, and the demo's broker holds 2"):
        photos.of_folder(tmp_path, most=2)


def test_more_bytes_than_the_endpoint_holds_are_refused(tmp_path: Path) -> None:
    (tmp_path / "large.jpg").write_bytes(bytes(11))
    with pytest.raises(ConfigurationError, match="classify"):
        photos.of_folder(tmp_path, most_bytes=10)


def _worker(folder: Path, code: str = SLEEPER, number: int = 1) -> Worker:
    log = folder / f"worker-{number}.log"
    log.touch()
    return Worker(number, subprocess.Popen([sys.executable, "-c", code]), log)


def _log(worker: Worker, event: str, **fields: object) -> None:
    entry = {"event": event, "timestamp": "2026-01-01T00:00:01Z", "level": "info", **fields}
    with worker.log.open("a") as log:
        log.write(json.dumps(entry) + "\n")


def test_redeliveries_are_the_starts_beyond_the_first(tmp_path: Path) -> None:
    with Workers(tmp_path, {}) as crew:
        crew.workers += [_worker(tmp_path), _worker(tmp_path, number=2)]
        for worker, offsets in zip(crew.workers, ([0, 1, 2], [1, 2, 3]), strict=True):
            for offset in offsets:
                _log(worker, "message.started", partition=0, offset=offset)
        assert crew.redelivered == 2
        _log(crew.workers[0], "image.rejected", image_id="img_x")
        assert crew.rejected() == {"img_x"}


def test_a_log_line_that_is_still_being_written_is_read_later(tmp_path: Path) -> None:
    with Workers(tmp_path, {}) as crew:
        crew.workers.append(worker := _worker(tmp_path))
        worker.log.write_text('no JSON\n{"event": "message.started", "partition": 0, "off')
        assert worker.starts() == []
        with worker.log.open("a") as log:
            log.write('set": 7}\n')
        assert worker.starts() == [(0, 7)]


def test_a_worker_that_exits_on_its_own_is_reported_with_its_last_words(tmp_path: Path) -> None:
    worker = _worker(tmp_path, "raise SystemExit(3)")
    worker.process.wait()
    worker.log.write_text("the reason\n")
    with pytest.raises(WorkerDied, match=r"worker 1 exited with 3.*\n.*the reason"):
        worker.assert_alive()


def test_leaving_the_crew_ends_every_worker_frozen_ones_too(tmp_path: Path) -> None:
    with Workers(tmp_path, {}) as crew:
        crew.workers += [_worker(tmp_path), _worker(tmp_path, number=2)]
        crew.workers[1].freeze()
    assert all(worker.process.poll() is not None for worker in crew.workers)


def test_the_workers_environment_knows_no_real_s3(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("TAGSTREAM_DECODE__PROCESSES", "3")
    made = environment({"KAFKA__BROKERS": "127.0.0.1:1"})
    assert "AWS_PROFILE" not in made
    assert made["TAGSTREAM_DECODE__PROCESSES"] == "3"
    assert made["TAGSTREAM_KAFKA__BROKERS"] == "127.0.0.1:1"


def _becoming(head: ImageHead) -> Change:
    return lambda _stored: Kept(head=head)


async def _scores_of(scores: SqliteScores, *done: Photo) -> None:
    for each in done:
        evidence = tagged(each, food=0.9)
        await scores.apply(each.image_id, _becoming(evidence.heads[each.image_id]))


async def test_the_drill_kills_when_some_are_done_and_some_in_work(tmp_path: Path) -> None:
    chosen = [photo(f"{number}.jpg") for number in range(5)]
    images = {(0, number): each.image_id for number, each in enumerate(chosen)}
    async with SqliteScores(tmp_path / "scores.sqlite") as scores:
        with Workers(tmp_path, {}) as crew:
            crew.workers.append(worker := _worker(tmp_path))
            for offset in range(3):
                _log(worker, "message.started", partition=0, offset=offset)
            await _scores_of(scores, *chosen[:2])
            struck = await drill.strike(Aim(worker, images, is_rejected=crew.rejected), scores)
    assert struck is not None
    assert (struck.done, struck.in_work) == (2, (chosen[2].image_id,))
    assert worker.process.returncode == -9


async def test_a_worker_that_is_done_with_everything_is_not_killed(tmp_path: Path) -> None:
    only = photo("only.jpg")
    async with SqliteScores(tmp_path / "scores.sqlite") as scores:
        with Workers(tmp_path, {}) as crew:
            crew.workers.append(worker := _worker(tmp_path))
            _log(worker, "message.started", partition=0, offset=0)
            await _scores_of(scores, only)
            aim = Aim(worker, {(0, 0): only.image_id}, is_rejected=crew.rejected)
            assert await drill.strike(aim, scores) is None
            worker.assert_alive()


def test_seconds_come_from_the_records_and_after_them_from_the_metrics() -> None:
    exposition = """
# TYPE tagstream_stage_seconds histogram
tagstream_stage_seconds_bucket{stage="store",le="+Inf"} 2.0
tagstream_stage_seconds_count{stage="store"} 2.0
tagstream_stage_seconds_sum{stage="store"} 0.5
tagstream_stage_seconds_count{stage="fetch"} 9.0
tagstream_stage_seconds_sum{stage="fetch"} 9.0
"""
    (record,) = tagged(photo(), food=0.9).records[photo().image_id]
    means = stages.mean_seconds([record, record], [stages.parse(exposition), {"store": (1.0, 1)}])
    assert means == {"fetch": 0.25, "forward": 0.5, "store": 0.5}
    assert list(means) == ["fetch", "forward", "store"]
