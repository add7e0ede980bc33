"""Replays in the terminal: what a job would do and cost, how it stands, and what can be done about it."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import typer

from operations.rescore import RescoreResult
from operations.rescore_jobs import JobStanding
from operations.rescore_plan import CostSample, ReplaySpeed, RescorePlan
from schemas.leases import Lease
from schemas.rescore_jobs import (
    FromStore,
    FromUploads,
    LabelChange,
    RescoreCheckpoint,
    RescoreCounts,
    RescoreFilters,
    RescoreJob,
    RescoreState,
    SpoiledJob,
)
from tagstream.render import replay, replay_words
from tagstream.render.console import PrintableConsole

NOW = datetime(2026, 11, 28, 10, 15, tzinfo=UTC)


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


def job(**said: Any) -> RescoreJob:
    facts: dict[str, Any] = {"id": "replay-1", "source": FromStore(), "model_version": "3"} | said
    return RescoreJob(created_at=NOW, updated_at=NOW, created_by="ann", **facts)


def standing(**said: Any) -> JobStanding:
    return JobStanding(job(**said), NOW)


def shown(found: JobStanding, capsys: pytest.CaptureFixture[str]) -> str:
    replay.show_standing(found, as_json=False)
    return capsys.readouterr().out


def planned(made: RescorePlan, capsys: pytest.CaptureFixture[str]) -> str:
    PrintableConsole().print(replay_words.plan(made, job()))
    return "\n".join(" ".join(line.split()) for line in capsys.readouterr().out.splitlines())


def test_a_plan_says_each_cost_and_what_it_was_measured_of(capsys: pytest.CaptureFixture[str]) -> None:
    made = RescorePlan(
        choices=Counter({"send": 900, "scored": 100}),
        sizes=[1_000, 3_000],
        sample=CostSample(300, {"forward": 0.02}, {"1": 290, "2": 10}),
        speed=ReplaySpeed(50.0, "replay-0, which has rescored 1,000 by version 2"),
    )
    told = planned(made, capsys)
    assert "900 would be scored by version 3" in told
    assert "1 MB to be fetched, by the mean of 2 photographs" in told
    assert "18 s" in told
    assert "a forward took 20.0 ms in the last 300 records of the history (290 of version 1, 10" in told
    assert "0.0 h at 50.0 images a second, measured of replay-0, which has" in told


def test_a_plan_without_a_sample_gives_no_figure(capsys: pytest.CaptureFixture[str]) -> None:
    told = planned(RescorePlan(choices=Counter({"send": 1})), capsys)
    assert "? seconds of device: nothing was measured" in told
    assert "? hours: no job has rescored enough yet" in told
    assert "to be fetched" not in told


def test_a_plan_that_looked_at_some_says_of_how_many(capsys: pytest.CaptureFixture[str]) -> None:
    made = RescorePlan(choices=Counter({"send": 50, "scored": 50}), total=10_000, is_whole=False)
    told = planned(made, capsys)
    assert "photographs looked at, of 10,000" in told
    assert "5,000 would be scored" in told


def test_a_job_says_who_runs_it_how_far_it_is_and_what_it_changed(capsys: pytest.CaptureFixture[str]) -> None:
    told = shown(
        standing(
            reason="menus",
            rate=5.0,
            total=40,
            filters=RescoreFilters(label="menu"),
            source=FromUploads(begin={0: 1}, end={0: 9}),
            lease=Lease(runner="host:1:a", until=NOW),
            checkpoint=RescoreCheckpoint(after="img_a"),
            counts=RescoreCounts(
                chosen={"send": 7, "scored": 3}, sent=7, rescored=6, changed=2, unfinished=1, seconds=2
            ),
            labels={"menu": LabelChange(before=3, after=4, gained=2, lost=1)},
            unfinished=("img_x",),
        ),
        capsys,
    )
    assert "running, run by host:1:a" in told
    assert "the uploads topic, 0:1-9" in told
    assert "by ann: menus" in told
    assert "10 of 40" in told
    assert "7 lacked scores of this version" in told
    assert "6, 3.0 a second; the tags of 2 have changed" in told
    assert "│ menu │      3 │   4 │      2 │    1 │" in told
    assert "Without scores of version 3: img_x. They are gone" in told


def test_a_job_that_nobody_runs_says_what_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    over = Lease(runner="host:1:a", until=NOW - timedelta(minutes=1))
    told = shown(standing(lease=over), capsys)
    assert "running, but nobody runs it: `tagstream replay resume replay-1` goes on" in told


def test_a_job_that_waits_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    told = shown(standing(state=RescoreState.WAITING, why="nobody scores by version 3"), capsys)
    assert "nobody scores by version 3" in told


def test_the_list_shows_every_job_and_those_whose_document_is_spoiled(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = (
        standing(),
        standing(id="replay-2", state=RescoreState.PAUSED),
        SpoiledJob("replay-3", "rate: no"),
    )
    replay.show_list(found, as_json=False)
    told = capsys.readouterr().out.splitlines()
    assert [line.split()[:3] for line in told[1:3]] == [
        ["replay-1", "no", "runner"],
        ["replay-2", "paused", "3"],
    ]
    assert "replay replay-3: its document in the store (rescore_jobs) was edited" in told[3]
    replay.show_list(found, as_json=True)
    document = json.loads(capsys.readouterr().out)
    assert [each["id"] for each in document["jobs"]] == ["replay-1", "replay-2"]
    assert document["spoiled"] == [{"id": "replay-3", "why": "rate: no"}]


def test_an_empty_list_says_how_to_begin(capsys: pytest.CaptureFixture[str]) -> None:
    replay.show_list((), as_json=False)
    assert "`tagstream replay start` begins one" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"state": "paused"}, "replay-1 is paused; `tagstream replay resume replay-1` goes on"),
        ({"state": "cancelled"}, "replay-1 is cancelled; workers pass over what it has in the lane"),
        ({"rate": 5.0}, "replay-1 is running, 5 images a second at most"),
    ],
)
def test_what_was_made_of_a_job_is_said(
    said: dict[str, Any], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    replay.show_steered(standing(**said), as_json=False)
    assert told in capsys.readouterr().out


def test_a_result_in_json_has_the_plan_and_the_job(capsys: pytest.CaptureFixture[str]) -> None:
    plan = RescorePlan(choices=Counter({"send": 1}))
    replay.show_result(RescoreResult(plan, job()), as_json=True)
    replay.show_result(RescoreResult(plan, None), as_json=True)
    done, dry = map(json.loads, capsys.readouterr().out.splitlines())
    assert (done["dry_run"], done["job"]["id"], done["plan"]["wanted"]) == (False, "replay-1", 1)
    assert (dry["dry_run"], dry["job"]) == (True, None)


def test_bars_tell_a_change_of_state_once_and_what_is_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    with replay.watching(as_json=False) as watch:
        watch.reading(1, 2)
        watch.moved(job())
        watch.moved(job(counts=RescoreCounts(chosen={"send": 1})))
        watch.away("store")
        watch.back("store")
        watch.moved(job(state=RescoreState.WAITING, why="nobody scores by version 3"))
    told = capsys.readouterr().err
    assert told.count("Replay replay-1 runs; Ctrl-C leaves it") == 1
    assert "The store is away: waiting for it; nothing is lost" in told
    assert "Replay replay-1 waits: nobody scores by version 3" in told


def test_ctrl_c_says_how_to_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended:
        interrupted()
    assert ended.value.exit_code == 130
    assert "Stopped. `tagstream replay resume replay-1` goes on" in capsys.readouterr().err


def interrupted() -> None:
    with replay.watching(as_json=False) as watch:
        watch.moved(job())
        raise KeyboardInterrupt


def test_a_service_tells_a_line_a_change(capsys: pytest.CaptureFixture[str]) -> None:
    replay.ReplayLines(as_json=False).moved(job(total=9))
    replay.ReplayLines(as_json=True).moved(job())
    line, document = capsys.readouterr().out.splitlines()
    assert line == "replay-1 running, 0 of 9 images, 0 rescored"
    assert json.loads(document)["id"] == "replay-1"
