"""A version's way from a registry into a worker that runs, by the product's own commands."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agents.wiring.settings import Settings
from agents.wiring.stores import open_store
from model.registry.aliases import Note
from model.registry.refs import AliasRef, VersionRef
from model.registry.registry import Registry
from model.tiny_version import write_tiny_version
from operations import model_control
from schemas.worker_states import WorkerState
from streams.adapters.objects_folder import FolderObjects
from tagstream import samples
from tests.real.bucket import Bucket
from tests.real.findings import WITHIN, Findings
from tests.real.premises import Premises
from tests.real.processes import product_worker, tagstream

PHOTOGRAPH = samples.photographs()[0].read_bytes()

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]


def following(folder: Path) -> dict[str, str]:
    """Of a worker that follows an alias; it is asked for so seldom that the control topic has to tell."""
    return {
        "TAGSTREAM_REGISTRY__URL": str(folder / "registry"),
        "TAGSTREAM_REGISTRY__CACHE": str(folder / "cache"),
        "TAGSTREAM_REGISTRY__POLL": "3600",
        "TAGSTREAM_MODEL__REF": "tiny@champion",
    }


def publish(
    premises: Premises, settings: Mapping[str, str], folder: Path, *, version: str, seed: int
) -> None:
    made = write_tiny_version(folder / f"tiny-{version}", version=version, seed=seed)
    tagstream(premises, "model", "publish", str(made), "--registry", settings["TAGSTREAM_REGISTRY__URL"])


def promoted(premises: Premises, settings: Mapping[str, str], version: str) -> dict[str, Any]:
    """What `promote` says."""
    registry = ("--registry", settings["TAGSTREAM_REGISTRY__URL"], "--json")
    why = ("--force", "--reason", "its weights mean nothing")
    said: dict[str, Any] = json.loads(
        tagstream(premises, "model", "promote", f"tiny/{version}", *registry, *why)
    )
    return said


async def test_a_worker_serves_the_champion_and_goes_on_with_it_while_the_registry_is_away(
    premises: Premises, bucket: Bucket, findings: Findings, tmp_path: Path
) -> None:
    registry = tmp_path / "registry"
    settings = following(tmp_path)

    def promote(version: str, seed: int) -> None:
        publish(premises, settings, tmp_path, version=version, seed=seed)
        promoted(premises, settings, version)

    async def scored_by(key: str) -> str:
        """The version that a worker which starts now scores a new photograph with."""
        lives = tmp_path / key
        lives.mkdir()
        with product_worker(premises, lives, **settings):
            bucket.put(key, PHOTOGRAPH)
            head = await findings.until(key)
        assert head.scores
        return f"{head.scores.model.name}/{head.scores.model.version}"

    promote("v1", seed=0)
    assert await scored_by("first.jpg") == "tiny/v1"
    promote("v2", seed=1)
    assert await scored_by("second.jpg") == "tiny/v2"
    shutil.rmtree(registry)
    assert await scored_by("third.jpg") == "tiny/v2"


async def test_a_worker_that_runs_follows_its_alias_there_and_back_and_refuses_a_damaged_version(
    premises: Premises, bucket: Bucket, findings: Findings, tmp_path: Path
) -> None:
    settings = following(tmp_path)
    registry = ("--registry", settings["TAGSTREAM_REGISTRY__URL"])

    async def scored_by(key: str) -> str:
        bucket.put(key, PHOTOGRAPH)
        head = await findings.until(key)
        assert head.scores
        return head.scores.model.version

    async def served(version: str) -> dict[str, Any]:
        """What the only worker says of itself once it serves that version or refuses another."""
        async with asyncio.timeout(WITHIN):
            while True:
                (worker,) = await workers(premises)
                if worker.serving.version == version:
                    return worker.model_dump()
                await asyncio.sleep(0.1)

    async def complaint(*, is_there: bool) -> str | None:
        async with asyncio.timeout(WITHIN):
            while True:
                (worker,) = await workers(premises)
                if bool(worker.complaint) is is_there:
                    return worker.complaint
                await asyncio.sleep(0.1)

    for seed, version in enumerate(("v1", "v2", "v3")):
        publish(premises, settings, tmp_path, version=version, seed=seed)
    promoted(premises, settings, "v1")
    with product_worker(premises, tmp_path, **settings) as worker:
        assert await scored_by("first.jpg") == "v1"

        assert promoted(premises, settings, "v2")["workers_told"]
        assert (await served("v2"))["swaps"] == 1
        assert await scored_by("second.jpg") == "v2"

        await damaged_and_promoted(premises, settings, "v3")
        why = await complaint(is_there=True)
        assert "version v3 is refused" in str(why)
        assert "model.safetensors" in str(why)
        assert "version v3 is refused" in tagstream(premises, "model", "status", exits=1)
        assert await scored_by("third.jpg") == "v2"

        tagstream(premises, "model", "rollback", "tiny", *registry)
        assert await complaint(is_there=False) is None
        tagstream(premises, "model", "rollback", "tiny", *registry)
        assert (await served("v1"))["swaps"] == 2
        assert await scored_by("fourth.jpg") == "v1"
        assert len(worker.events("model.swapped")) == 2
    assert await workers(premises) == ()  # it has ended, and said so


async def workers(premises: Premises) -> tuple[WorkerState, ...]:
    async with open_store(premises.store) as states:
        return await states.workers()


async def damaged_and_promoted(premises: Premises, settings: Mapping[str, str], version: str) -> None:
    """As after a bit flip in the storage, behind the back of every gate."""
    root = Path(settings["TAGSTREAM_REGISTRY__URL"])
    weights = root / "tiny" / version / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    alias = AliasRef("tiny", "champion")
    async with FolderObjects(root) as objects:
        registry = Registry(objects, where=str(root))
        to = await registry.resolve(VersionRef("tiny", version))
        note = Note(when=datetime.now(UTC), by="nobody")
        moved = await registry.promote(alias, to, seen=await registry.alias_state(alias), note=note)
    config = Settings.model_validate({"kafka": {"brokers": premises.settings["TAGSTREAM_KAFKA__BROKERS"]}})
    assert await model_control.tell(config, alias, moved) is None
