"""A version beside the serving one on live uploads: a shadow that nobody sees, a canary that a guard ends."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from agents.wiring.stores import open_store
from schemas.records import ImageHead
from tests.real.bucket import Bucket
from tests.real.findings import WITHIN, Findings
from tests.real.premises import Premises
from tests.real.processes import product_worker, tagstream
from tests.real.test_registry import following, promoted, publish
from tests.real.test_shadow import picture

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

SHADOWED: Final = [f"shadow/{number}.png" for number in range(12)]


async def test_a_shadow_is_seen_by_nobody_and_a_canary_that_flips_too_much_is_rolled_back(
    premises: Premises, bucket: Bucket, findings: Findings, tmp_path: Path
) -> None:
    settings = following(tmp_path)
    for seed, version in enumerate(("v1", "v2")):
        publish(premises, settings, tmp_path, version=version, seed=seed)
    promoted(premises, settings, "v1")
    with product_worker(premises, tmp_path, **settings) as worker:
        await _warm(bucket, findings)
        roll = _Rolling(premises, settings)
        roll("shadow", "tiny/v2", "--most-flips", "1", "--reason", "a look")
        await roll.joined(worker.events)
        for number, key in enumerate(SHADOWED):
            bucket.put(key, picture(number))
        assert await _versions(findings, SHADOWED) == {"v1"}
        seen = await roll.until(lambda said: said["images"] == len(SHADOWED))
        assert (seen["state"], seen["errors"], seen["passed_over"]) == ("running", 0, 0)
        assert await _history(premises, findings, SHADOWED) == {"v1", "v2"}
        told = tagstream(premises, "tail", "compared", "--from", "earliest", "--limit", "12", "--json")
        events = [json.loads(line)["value"] for line in told.splitlines()]
        assert {each["image_id"] for each in events} == {findings.image(key) for key in SHADOWED}
        assert {each["model"]["version"] for each in events} == {"v2"}
        assert "tiny v2 beside v1" in tagstream(premises, "model", "rollout")
        tagstream(premises, "model", "end-rollout", "--reason", "seen enough")
        assert (await roll.until(lambda said: said["state"] == "ended"))["why"] == "seen enough"
        await _settled(worker.events)

        canary = ("--percent", "50", "--most-flips", "0", "--minimum", "6", "--most-slower", "1000")
        roll("canary", "tiny/v2", *canary)
        await roll.joined(worker.events)
        keys = await _uploaded_until_rolled_back(bucket, roll)
        assert await _versions(findings, keys) == {"v1", "v2"}
        ended = await roll.until(lambda said: said["state"] == "rolled_back")
        assert "comes or goes on" in ended["why"]
        assert "rolled_back" in tagstream(premises, "model", "rollouts")
        after = [f"after/{number}.png" for number in range(8)]
        for number, key in enumerate(after):
            bucket.put(key, picture(900 + number))
        assert await _versions(findings, after) == {"v1"}
        assert len(worker.events("rollout.rolled_back")) == 1


class _Rolling:
    """The commands of a rollout, by the product's own program."""

    def __init__(self, premises: Premises, settings: Mapping[str, str]) -> None:
        self._premises = premises
        self._registry = settings["TAGSTREAM_REGISTRY__URL"]
        self._id = ""
        self._started = 0

    def __call__(self, *arguments: str) -> None:
        said = json.loads(
            tagstream(self._premises, "model", *arguments, "--json", TAGSTREAM_REGISTRY__URL=self._registry)
        )
        assert said["workers"] == 1
        self._id, self._started = said["id"], self._started + 1

    async def joined(self, events: Callable[[str], list[Any]]) -> None:
        """Until the worker takes part, with the new version loaded."""
        async with asyncio.timeout(WITHIN):
            while len(events("rollout.joined")) < self._started:
                await asyncio.sleep(0.1)
        async with open_store(self._premises.store) as states, asyncio.timeout(WITHIN):
            while "v2" not in {
                each.version for (worker,) in [await states.workers()] for each in worker.resident
            }:
                await asyncio.sleep(0.1)

    def look(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(tagstream(self._premises, "model", "rollout", self._id, "--json"))
        return said

    async def until(self, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """What the report says once that holds."""
        async with asyncio.timeout(WITHIN):
            while not holds(said := await asyncio.to_thread(self.look)):
                await asyncio.sleep(0.5)
        return said


async def _warm(bucket: Bucket, findings: Findings) -> None:
    bucket.put("first.png", picture(500))
    assert await _versions(findings, ["first.png"]) == {"v1"}


async def _uploaded_until_rolled_back(bucket: Bucket, roll: _Rolling) -> list[str]:
    keys: list[str] = []
    async with asyncio.timeout(WITHIN):
        while (await asyncio.to_thread(roll.look))["state"] == "running":
            for _ in range(4):
                keys.append(f"canary/{len(keys)}.png")
                bucket.put(keys[-1], picture(100 + len(keys)))
            await asyncio.sleep(0.5)
    return keys


async def _versions(findings: Findings, keys: list[str]) -> set[str]:
    heads: list[ImageHead] = list((await findings.all_until(keys)).values())
    return {head.scores.model.version for head in heads if head.scores}


async def _history(premises: Premises, findings: Findings, keys: list[str]) -> set[str]:
    """The versions that every image has scores of."""
    async with open_store(premises.store) as scores:
        found = [await scores.records(findings.image(key)) for key in keys]
    return set.intersection(*({each.scores.model.version for each in records} for records in found))


async def _settled(events: Callable[[str], list[Any]]) -> None:
    async with asyncio.timeout(WITHIN):
        while not events("rollout.left"):
            await asyncio.sleep(0.1)
