"""What `doctor` says of replays: nobody runs one, one waits, one is spoiled, the lane holds a stranger's."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from agents.wiring import settings
from agents.wiring.settings import Settings
from operations import replay_checks
from operations.unwell import Unwell
from schemas import topics, wire
from schemas.events import RescoreRequested
from schemas.leases import Lease
from schemas.rescore_jobs import FromStore, RescoreJob, RescoreState
from streams.adapters.kafka.connection import EmbeddedBroker
from streams.adapters.sqlite.store import SqliteScores
from tests.unit.head_builders import claim

NOW = datetime.now(UTC)
HELD = Lease(runner="host:1:a", until=NOW + timedelta(hours=1))


def job(name: str, **said: Any) -> RescoreJob:
    facts: dict[str, Any] = {"model_version": "3", "source": FromStore(), "lease": HELD} | said
    return RescoreJob(id=name, created_at=NOW, updated_at=NOW, created_by="ann", **facts)


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("TAGSTREAM_STORE__PATH", str(tmp_path / "kept.sqlite"))
    return settings.load()


async def keep(config: Settings, *jobs: RescoreJob) -> None:
    async with SqliteScores(config.store.path) as store:
        for each in jobs:
            await store.create_job(each)


async def unwell(config: Settings) -> Unwell:
    with pytest.raises(Unwell) as found:
        await replay_checks.jobs(config)
    return found.value


async def test_without_a_store_there_is_nothing_to_say(config: Settings) -> None:
    assert await replay_checks.jobs(config) == "no worker has run yet"
    assert not config.store.path.exists()


async def test_replays_that_run_rest_or_are_over_are_well(config: Settings) -> None:
    over = job("b", state=RescoreState.FINISHED, lease=None)
    await keep(config, job("a"), over, job("c", state=RescoreState.PAUSED, lease=None))
    assert await replay_checks.jobs(config) == "3 in the store, 1 of them run"


async def test_a_replay_whose_runner_is_gone_is_said_and_what_goes_on(config: Settings) -> None:
    past = Lease(runner="host:1:a", until=NOW - timedelta(minutes=1))
    await keep(config, job("a", lease=past), job("b", lease=None), job("c"))
    found = await unwell(config)
    assert str(found) == "nobody runs a, b"
    assert found.mend.startswith("`tagstream replay resume a` goes on")


async def test_a_replay_that_waits_for_its_version_is_said(config: Settings) -> None:
    await keep(config, job("a", state=RescoreState.WAITING, why="nobody scores by version 3"))
    found = await unwell(config)
    assert str(found) == "a waits: nobody scores by version 3"
    assert "publish or roll out version 3, or `tagstream replay cancel a`" in found.mend


async def test_a_spoiled_document_is_said_with_its_field(config: Settings) -> None:
    await keep(config, job("a"))
    with sqlite3.connect(config.store.path) as connection:
        connection.execute("UPDATE rescore_jobs SET document = json_set(document, '$.rate', 'fast')")
    assert "replay a: " in str(await unwell(config))
    assert "rate: Input should be a valid number" in str(await unwell(config))


async def test_what_an_earlier_release_left_in_the_lane_is_said(
    config: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with EmbeddedBroker() as broker:
        monkeypatch.setenv("TAGSTREAM_KAFKA__BROKERS", broker.bootstrap)
        config = settings.load()
        assert await replay_checks.lane(config) == "there is no photos.rescore.v1 yet"
        broker.create(topics.RESCORE)
        assert await replay_checks.lane(config) == "nothing waits"
        await keep(config, job("a"))
        async with AIOKafkaProducer(bootstrap_servers=broker.bootstrap) as producer:
            await asked(producer, "a")
            assert await replay_checks.lane(config) == "what comes next, 1, is of known replays"
            await asked(producer, "old-1")
        with pytest.raises(Unwell, match=r"does not know: old-1 \(1 of the next 2\)"):
            await replay_checks.lane(config)


async def asked(producer: AIOKafkaProducer, by: str) -> None:
    event = RescoreRequested(
        event_id=by, image_id="img_1", claim=claim(1), model_version="3", job=by, requested_at=NOW
    )
    await producer.send_and_wait(topics.RESCORE, wire.encode(event))
