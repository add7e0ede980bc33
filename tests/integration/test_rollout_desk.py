"""What people do with rollouts: started, made larger, ended, and refused with what is wrong."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agents.wiring import settings
from agents.wiring.settings import Settings
from model.registry.aliases import Note
from model.registry.refs import AliasRef, VersionRef
from model.registry.registry import Registry
from model.tiny_version import write_tiny_version
from operations import model_status, publish, rollout_checks, rollout_report, rollouts
from operations.rollouts import RolloutRequest
from operations.unwell import Unwell
from schemas import topics
from schemas.errors import ConfigurationError
from schemas.rollouts import ModelRollout, RolloutCounts, RolloutGuards, RolloutMode, RolloutState
from schemas.tags import ModelRef
from schemas.uploads import Location
from schemas.version_diff import Agreement, LabelDiff, Mover, VersionDiff
from schemas.worker_states import WorkerState
from streams.adapters.kafka.connection import EmbeddedBroker
from streams.adapters.objects_folder import FolderObjects
from streams.adapters.sqlite.store import SqliteScores
from tagstream.dev import state as dev_state
from tagstream.render import rollout_standing as render

CANARY, SHADOW = RolloutMode.CANARY, RolloutMode.SHADOW
CHAMPION = AliasRef("tiny", "champion")


@pytest.fixture
async def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Settings]:
    """A registry with v1, the champion, and v2; a broker with the topics; a worker that serves v1."""
    with EmbeddedBroker() as broker:
        broker.create(*topics.ALL)
        monkeypatch.setenv("TAGSTREAM_KAFKA__BROKERS", broker.bootstrap)
        monkeypatch.setenv("TAGSTREAM_STORE__PATH", str(tmp_path / "kept.sqlite"))
        monkeypatch.setenv("TAGSTREAM_REGISTRY__URL", str(tmp_path / "registry"))
        monkeypatch.setenv("TAGSTREAM_REGISTRY__CACHE", str(tmp_path / "cache"))
        config = settings.load()
        for seed, version in enumerate(("v1", "v2"), 1):
            folder = write_tiny_version(tmp_path / version, version=version, seed=seed)
            await publish.publish(config, folder, url=None)
        await point(tmp_path, "v1")
        await note(config, serving="v1")
        yield config


async def point(place: Path, version: str) -> None:
    async with FolderObjects(place / "registry") as objects:
        registry = Registry(objects, where=str(place / "registry"))
        to = await registry.resolve(VersionRef("tiny", version))
        seen = await registry.alias_state(CHAMPION)
        await registry.promote(CHAMPION, to, seen=seen, note=Note(when=datetime.now(UTC), by="ann"))


async def note(config: Settings, *, serving: str, name: str = "host:1:a") -> None:
    """A worker says what it serves."""
    now, model = datetime.now(UTC), ModelRef(name="tiny", version=serving, digest="ab" * 32)
    state = WorkerState(
        id=name,
        started_at=now,
        seen_at=now,
        release="1",
        serving=model,
        resident=(model,),
        computed_by="x",
        follows="tiny@champion",
    )
    async with SqliteScores(config.store.path) as store:
        await store.note_worker(state)


def wanted(mode: RolloutMode = CANARY, *, version: str = "v2", percent: float = 5) -> RolloutRequest:
    return RolloutRequest(VersionRef("tiny", version), mode, percent, RolloutGuards())


async def changed(config: Settings, rollout: ModelRollout, **facts: Any) -> ModelRollout:
    """As workers leave it."""
    now = rollout.model_copy(update={"revision": rollout.revision + 1, **facts})
    async with SqliteScores(config.store.path) as store:
        assert await store.replace_rollout(now, over=rollout.revision)
    return now


async def test_it_stands_beside_what_workers_serve(config: Settings) -> None:
    started = await rollouts.start(config, wanted())
    assert (started.rollout.serving, started.workers, started.was) == ("v1", 1, None)
    assert await rollouts.look(config, None) == started.rollout
    assert await rollout_checks.check(config) == f"{started.rollout.id}, on 5 % of uploads"
    assert (await model_status.read(config)).rollouts == (started.rollout,)


async def test_where_no_worker_runs_it_stands_beside_the_champion(config: Settings) -> None:
    async with SqliteScores(config.store.path) as store:
        await store.forget_worker("host:1:a")
    started = await rollouts.start(config, wanted())
    assert (started.rollout.serving, started.workers) == ("v1", 0)


async def test_a_version_that_is_not_in_the_registry_is_refused_with_those_that_are(config: Settings) -> None:
    with pytest.raises(ConfigurationError, match="tiny/v3 is not in the registry; there are v2, v1"):
        await rollouts.start(config, wanted(version="v3"))


async def test_the_version_that_is_served_is_refused(config: Settings) -> None:
    with pytest.raises(ConfigurationError, match="tiny/v1 is what is served"):
        await rollouts.start(config, wanted(version="v1"))


async def test_the_same_again_changes_the_percent_and_keeps_what_was_counted(config: Settings) -> None:
    first = (await rollouts.start(config, wanted())).rollout
    await changed(config, first, counts=RolloutCounts(errors=3))
    again = await rollouts.start(config, wanted(percent=25))
    assert (again.rollout.id, again.rollout.percent, again.was) == (first.id, 25, 5)
    assert again.rollout.counts.errors == 3


async def test_another_beside_it_is_refused(config: Settings) -> None:
    await rollouts.start(config, wanted())
    with pytest.raises(ConfigurationError, match=r"canary-v2-.* runs.*end-rollout"):
        await rollouts.start(config, wanted(SHADOW))


async def test_without_the_topic_it_is_refused_and_what_makes_it_is_named(
    config: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with EmbeddedBroker() as bare:
        monkeypatch.setenv("TAGSTREAM_KAFKA__BROKERS", bare.bootstrap)
        elsewhere = config.model_copy(update={"kafka": settings.load().kafka})
        with pytest.raises(ConfigurationError, match="topics apply"):
            await rollouts.start(elsewhere, wanted())


async def test_it_is_ended_once_with_the_reason(config: Settings) -> None:
    first = (await rollouts.start(config, wanted())).rollout
    ended = await rollouts.end(config, None, reason="seen enough")
    assert (ended.id, ended.state, ended.why) == (first.id, RolloutState.ENDED, "seen enough")
    with pytest.raises(ConfigurationError, match="no rollout runs"):
        await rollouts.end(config, None, reason="")
    with pytest.raises(ConfigurationError, match="has ended already: seen enough"):
        await rollouts.end(config, first.id, reason="")
    assert await rollout_checks.check(config) == "none runs, 1 have ended"


async def test_one_that_was_rolled_back_is_unwell_until_somebody_has_seen_it(config: Settings) -> None:
    first = (await rollouts.start(config, wanted())).rollout
    await changed(config, first, state=RolloutState.ROLLED_BACK, why="too slow", ended_by="host:1:a")
    with pytest.raises(Unwell, match="was rolled back: too slow"):
        await rollout_checks.check(config)
    seen = await rollouts.end(config, None, reason="")
    assert (seen.state, seen.why, seen.ended_by) == (RolloutState.ENDED, "too slow", "host:1:a")
    assert await rollout_checks.check(config) == "none runs, 1 have ended"


async def test_it_ends_when_the_alias_that_workers_follow_leaves_what_it_stands_beside(
    config: Settings,
) -> None:
    await rollouts.start(config, wanted())
    assert await rollouts.end_for(config, AliasRef("tiny", "challenger"), version="v2") is None
    assert await rollouts.end_for(config, CHAMPION, version="v1") is None
    ended = await rollouts.end_for(config, CHAMPION, version="v2")
    assert ended is not None
    assert ended.why == "tiny@champion points at v2 now"
    assert await rollouts.end_for(config, CHAMPION, version="v2") is None


async def test_an_unknown_one_is_refused_with_the_nearest(config: Settings) -> None:
    first = (await rollouts.start(config, wanted())).rollout
    with pytest.raises(ConfigurationError, match=f"did you mean {first.id}"):
        await rollouts.look(config, first.id[:-1])


async def test_a_spoiled_document_is_told_and_hides_no_other(config: Settings) -> None:
    first = (await rollouts.start(config, wanted())).rollout
    async with SqliteScores(config.store.path) as store:
        edit = "INSERT INTO rollouts (id, document) VALUES ('x', '{\"id\": \"x\"}')"
        await store._writes.do(lambda connection: connection.execute(edit).rowcount)
    assert await rollouts.look(config, None) == first
    assert [each.id for each in await rollout_checks.every(config)] == ["x", first.id]
    with pytest.raises(Unwell, match="rollout x: its document"):
        await rollout_checks.check(config)


async def test_a_report_has_the_labels_the_guards_and_what_to_do_next(
    config: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    first = (await rollouts.start(config, wanted())).rollout
    labels = {"menu": LabelDiff(kept=80, added=9, neither=11), "food": LabelDiff(kept=100)}
    diff = VersionDiff(images=100, changed=9, labels=labels, flips={"none -> menu": 9}, people=Agreement())
    report = rollout_report.of(await changed(config, first, counts=RolloutCounts(diff=diff, errors=1)))
    document = report.document()
    assert [row["label"] for row in document["labels"]] == ["menu", "food"]
    assert (document["errors"], document["slowdown"]) == (1, None)
    render.show(report, as_json=False)
    said = capsys.readouterr().out
    assert "tiny v2 beside v1, on 5 % of the uploads, of which the tags of v2 hold" in said
    assert "100 images compared, 9 with other tags (9.0%)" in said
    assert "tagstream model promote tiny/v2" in said
    assert [row.name for row in report.guards][-1] == "p95 of its time"


async def test_its_page_has_the_guards_and_how_each_image_moved(config: Settings, tmp_path: Path) -> None:
    first = (await rollouts.start(config, wanted())).rollout
    mover = Mover(
        image_id="img_1",
        location=Location(bucket="photos", key="a.jpg"),
        label="menu",
        before=0.25,
        after=0.75,
        tags_before=(),
        tags_after=("menu",),
    )
    diff = VersionDiff(
        images=1, changed=1, labels={"menu": LabelDiff(added=1)}, flips={"none -> menu": 1}, movers=(mover,)
    )
    report = rollout_report.of(await changed(config, first, counts=RolloutCounts(diff=diff)))
    render.write(report, {}, to=tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    for words in (
        "Guards",
        "flips of a label",
        "From what to what",
        "none -&gt; menu",
        "menu +0.50",
        "a.jpg",
    ):
        assert words in page
    assert [page.count(f"<span>{when}</span>") for when in ("before", "after")] == [1, 1]


async def test_its_page_is_made_from_the_storage_of_a_running_dev(config: Settings, tmp_path: Path) -> None:
    """The commands of the registry beside it take the workers of `tagstream dev`, and not its storage."""
    await rollouts.start(config, wanted())
    settings = {
        "TAGSTREAM_KAFKA__BROKERS": config.kafka.brokers,
        "TAGSTREAM_STORE__PATH": str(config.store.path),
        "TAGSTREAM_S3__ENDPOINT_URL": "http://127.0.0.1:1",
        "TAGSTREAM_S3__ACCESS_KEY_ID": "key",
        "TAGSTREAM_S3__SECRET_ACCESS_KEY": "secret",
        "TAGSTREAM_S3__BUCKETS": '["photos"]',
    }
    folder = tmp_path / dev_state.FOLDER
    folder.mkdir()
    with dev_state.claimed(folder):
        dev_state.RunningSystem(os.getpid(), "2026-01-01T00:00:00+00:00", {}, settings).write(folder)
        made = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "tagstream", "model", "rollout", "--html", "page.html"],
            cwd=tmp_path,
            env={name: value for name, value in os.environ.items() if not name.startswith("TAGSTREAM_")},
            capture_output=True,
            text=True,
            check=False,
        )
    assert (made.returncode, made.stderr) == (0, "written to page.html\n")
