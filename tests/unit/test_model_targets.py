"""Versions that replays want come beside the one that works, stay while they are asked for, and leave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agents.model_follower import NoRoom
from agents.model_slot import ModelSlot
from agents.model_targets import IDLE, PATIENCE, ModelTargets
from agents.tagger import ResidentTagger
from model.clock import ManualClock
from model.serving import self_check

from .tiny_taggers import tagger_of, versions

PICTURE = self_check.draw()["menu.png"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return versions(tmp_path_factory.mktemp("versions"), "v1", "v2", "v3")


@dataclass
class World:
    """A slot, what it can load, and a clock that a test moves."""

    slot: ModelSlot
    folders: dict[str, Path]
    clock: ManualClock = field(default_factory=ManualClock)
    damage: Exception | None = None
    loads: list[str] = field(default_factory=list)
    changes: int = 0

    async def load(self, version: str) -> ResidentTagger:
        self.loads.append(version)
        if self.damage:
            raise self.damage
        return tagger_of(self.folders[version])

    def targets(self, *, most: int = 2) -> ModelTargets:
        return ModelTargets(self.slot, self.load, most=most, changed=self.change, clock=self.clock.time)

    def change(self) -> None:
        self.changes += 1


@pytest.fixture
async def world(folders: dict[str, Path]) -> AsyncIterator[World]:
    async with ModelSlot(tagger_of(folders["v1"])) as slot:
        yield World(slot, folders)


async def settled(targets: ModelTargets) -> None:
    if targets._loading is not None:
        await targets._loading


async def test_asking_for_a_version_brings_it_and_leaves_the_present_one_at_work(world: World) -> None:
    targets = world.targets()
    assert targets.is_resident("v1")
    assert not targets.is_resident("v2")
    assert not targets.is_resident("v2")
    await settled(targets)
    assert targets.is_resident("v2")
    assert world.loads == ["v2"]
    assert [each.version for each in world.slot.resident] == ["v1", "v2"]
    with targets.pinned("v2") as other:
        assert other is not None
        assert (await other.score(await other.decode(PICTURE))).scores.model.version == "v2"
    assert (await world.slot.score(await world.slot.decode(PICTURE))).scores.model.version == "v1"


async def test_what_nobody_asks_for_leaves_and_what_is_asked_for_stays(world: World) -> None:
    targets = world.targets(most=3)
    for version in ("v2", "v3"):
        targets.is_resident(version)
        await settled(targets)
    world.clock.advance(IDLE / 2)
    assert targets.is_resident("v3")
    world.clock.advance(IDLE / 2)
    targets.sweep()
    await world.slot.close_leaving()
    assert [each.version for each in world.slot.resident] == ["v1", "v3"]
    assert world.changes == 3


async def test_no_more_versions_come_than_there_may_be(world: World) -> None:
    targets = world.targets(most=2)
    targets.is_resident("v2")
    await settled(targets)
    assert not targets.is_resident("v3")
    assert world.loads == ["v2"]
    assert "2 versions are resident" in targets.missing()["v3"]


@pytest.mark.parametrize("damage", [NoRoom("it takes 336 MiB"), LookupError("no such version")])
async def test_a_version_that_cannot_be_had_is_waited_for_and_then_given_up(
    world: World, damage: Exception
) -> None:
    targets = world.targets()
    world.damage = damage
    assert not targets.is_resident("v2")
    await settled(targets)
    assert str(damage) in targets.missing()["v2"]
    assert not targets.is_given_up("v2")
    world.clock.advance(PATIENCE)
    assert targets.is_given_up("v2")
    assert not targets.is_given_up("v1")


async def test_what_was_given_up_is_tried_again_and_taken_when_it_can_be(world: World) -> None:
    targets = world.targets()
    world.damage = LookupError("not published yet")
    targets.is_resident("v2")
    await settled(targets)
    targets.is_resident("v2")
    assert world.loads == ["v2"]  # not over and over
    world.clock.advance(PATIENCE)
    world.damage = None
    targets.is_resident("v2")
    await settled(targets)
    assert targets.is_resident("v2")
    assert not targets.is_given_up("v2")


async def test_a_swap_to_a_version_that_is_there_already_leaves_one_of_it(world: World) -> None:
    targets = world.targets()
    targets.is_resident("v2")
    await settled(targets)
    await world.slot.swap(tagger_of(world.folders["v2"]))
    await world.slot.close_leaving()
    assert [each.version for each in world.slot.resident] == ["v2"]
    assert targets.is_resident("v2")


async def test_a_version_that_is_being_loaded_at_the_end_is_not_waited_for(world: World) -> None:
    async def load(_version: str) -> ResidentTagger:
        await asyncio.Event().wait()
        raise AssertionError

    targets = ModelTargets(world.slot, load, most=2, changed=world.change)
    async with targets.kept():
        assert not targets.is_resident("v2")
        await asyncio.sleep(0)
    assert targets._loading is not None
    assert targets._loading.cancelled()
