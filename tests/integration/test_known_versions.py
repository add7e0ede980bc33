"""A replay for a version that nobody has is refused, and the nearest names are told."""

from __future__ import annotations

import asyncio
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agents.wiring import settings
from model.tiny_version import write_tiny_version
from operations import known_versions, publish
from schemas.errors import ConfigurationError, Unavailable
from schemas.tags import ModelRef
from schemas.worker_states import WorkerState
from streams.adapters.sqlite.store import SqliteScores
from tests.unit.head_builders import claim, scored, scoring
from tests.unit.test_audit_trail import record


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_tiny_version(tmp_path / "tiny", version="v12")
    monkeypatch.setenv("TAGSTREAM_MODEL__FOLDER", str(tmp_path / "tiny"))
    monkeypatch.setenv("TAGSTREAM_MODEL__DEVICE", "cpu")
    monkeypatch.setenv("TAGSTREAM_STORE__PATH", str(tmp_path / "kept.sqlite"))
    return tmp_path


def refused(version: str) -> str:
    with pytest.raises(ConfigurationError) as error:
        asyncio.run(known_versions.refuse_unknown(settings.load(), version))
    return str(error.value)


def taken(version: str) -> None:
    asyncio.run(known_versions.refuse_unknown(settings.load(), version))


async def scored_by(path: Path, version: str) -> None:
    seen = scoring(claim(1), version=version, menu=0.9)
    async with SqliteScores(path) as store:
        await store.apply("img_1", scored(claim(1), version=version, menu=0.9), record(seen))


def test_the_model_of_the_settings_is_known(here: Path) -> None:
    taken("v12")
    assert not (here / "kept.sqlite").exists()


def test_a_version_that_nobody_has_is_refused_and_the_nearest_is_named(here: Path) -> None:
    assert "nobody has that version" in refused("v21")
    assert "; did you mean v12?" in refused("v11")
    assert "; there are v12" in refused("zzz")
    assert not (here / "kept.sqlite").exists()


def test_what_has_scored_the_store_is_known(here: Path) -> None:
    asyncio.run(scored_by(here / "kept.sqlite", "2.7"))
    taken("2.7")
    assert "; there are 2.7, v12" in refused("zzz")


async def served_by(path: Path, *versions: str) -> None:
    models = tuple(ModelRef(name="tiny", version=version, digest="aa") for version in versions)
    now = datetime.now(UTC)
    state = WorkerState(
        id="w1",
        started_at=now,
        seen_at=now,
        release="1",
        serving=models[0],
        resident=models,
        computed_by="a test",
    )
    async with SqliteScores(path) as store:
        await store.note_worker(state)


def test_what_a_worker_has_is_known(here: Path) -> None:
    asyncio.run(served_by(here / "kept.sqlite", "7", "8"))
    taken("8")
    assert "and no worker has it; there are 7, 8, v12" in refused("zzz")


def test_what_is_in_the_registry_is_known(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAGSTREAM_REGISTRY__URL", str(here / "registry"))
    other = write_tiny_version(here / "other", version="v13")
    asyncio.run(publish.publish(settings.load(), other, url=None))
    shutil.rmtree(other)
    taken("v13")
    assert "; did you mean v13 or v12?" in refused("v14")


def test_a_registry_that_is_away_is_said_where_it_alone_could_know(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "REGISTRY__URL": "s3://models/registry",
        "S3__ENDPOINT_URL": "http://127.0.0.1:9",
        "S3__ACCESS_KEY_ID": "a",
        "S3__SECRET_ACCESS_KEY": "b",
    }.items():
        monkeypatch.setenv(f"TAGSTREAM_{name}", value)
    taken("v12")
    with pytest.raises(Unavailable, match="--model v13: only the registry can have that version, and it is"):
        taken("v13")
    assert not (here / "kept.sqlite").exists()
