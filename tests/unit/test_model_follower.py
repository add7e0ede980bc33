"""A slot follows its alias; what cannot be taken is refused, told, and stops nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from agents.model_follower import Following, ModelFollower, NoRoom
from agents.model_slot import ModelSlot
from agents.tagger import ResidentTagger
from model.registry.cache import Resolved
from schemas.errors import ConfigurationError, DeviceBroken, Unavailable

from .tiny_taggers import tagger_of, versions

VERSIONS = {name: Resolved(version=name, digest=f"{number:064x}") for number, name in enumerate(("v1", "v2"))}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return versions(tmp_path_factory.mktemp("versions"), *VERSIONS)


@dataclass
class Source:
    """A registry whose alias points where a test says, and what loads from it."""

    folders: dict[str, Path]
    points_at: str = "v1"
    away: Exception | None = None
    damage: Exception | None = None
    loads: int = 0
    told: list[Following] = field(default_factory=list)

    async def ask(self) -> Resolved:
        if self.away:
            raise self.away
        return VERSIONS[self.points_at]

    async def load(self, wanted: Resolved) -> ResidentTagger:
        self.loads += 1
        if self.damage:
            raise self.damage
        return tagger_of(self.folders[wanted.version])

    def follower(self, slot: ModelSlot) -> ModelFollower:
        told = self.told.append
        return ModelFollower(
            slot, self.ask, self.load, serving=VERSIONS["v1"], told=lambda _before, now: told(now)
        )


@pytest.fixture
def source(folders: dict[str, Path]) -> Source:
    return Source(folders)


@pytest.fixture
async def slot(folders: dict[str, Path]) -> AsyncIterator[ModelSlot]:
    async with ModelSlot(tagger_of(folders["v1"])) as opened:
        yield opened


async def test_an_alias_that_has_not_moved_loads_nothing(source: Source, slot: ModelSlot) -> None:
    follower = source.follower(slot)
    await follower.follow()
    assert (source.loads, source.told) == (0, [])
    assert follower.complaint() is None


async def test_a_moved_alias_is_followed_and_followed_back(source: Source, slot: ModelSlot) -> None:
    follower = source.follower(slot)
    for wanted in ("v2", "v1"):
        source.points_at = wanted
        with capture_logs() as said:
            await follower.follow()
        assert slot.model.version == wanted
        assert [each["event"] for each in said] == ["model.swapped"]
    assert [each.serving.version for each in source.told] == ["v2", "v1"]
    assert follower.state.swaps == 2


@pytest.mark.parametrize(
    "damage",
    [
        DeviceBroken("golden/menu.png scores otherwise"),
        ConfigurationError("model.safetensors: damaged or replaced"),
        ZeroDivisionError("nobody foresaw it"),
    ],
)
async def test_a_version_that_cannot_be_taken_is_refused_and_the_old_one_works_on(
    source: Source, slot: ModelSlot, damage: Exception
) -> None:
    follower = source.follower(slot)
    source.points_at, source.damage = "v2", damage
    with capture_logs() as said:
        await follower.follow()
        await follower.follow()
    assert slot.model.version == "v1"
    assert [each["event"] for each in said] == ["model.refused"]
    assert source.loads == 1  # it is not tried over and over
    assert str(damage) in str(follower.complaint())
    assert "version v2 is refused" in str(follower.complaint())


async def test_a_refused_version_is_tried_again_when_somebody_says_that_the_alias_moved(
    source: Source, slot: ModelSlot
) -> None:
    follower = source.follower(slot)
    source.points_at, source.damage = "v2", ConfigurationError("no space is left")
    await follower.follow()
    source.damage = None
    await follower.follow()
    assert slot.model.version == "v1"
    await follower.follow(insists=True)
    assert slot.model.version == "v2"
    assert follower.complaint() is None


async def test_a_version_that_has_no_room_is_tried_again_each_time(source: Source, slot: ModelSlot) -> None:
    follower = source.follower(slot)
    source.points_at, source.damage = "v2", NoRoom("loading it takes up to 336 MiB")
    await follower.follow()
    refused = follower.state.refusal
    assert refused is not None
    assert refused.again_at <= datetime.now(UTC)
    source.damage = None
    await follower.follow()
    assert slot.model.version == "v2"


async def test_a_rollback_ends_a_refusal(source: Source, slot: ModelSlot) -> None:
    follower = source.follower(slot)
    source.points_at, source.damage = "v2", DeviceBroken("golden pictures")
    await follower.follow()
    source.points_at = "v1"
    await follower.follow()
    assert follower.complaint() is None


@pytest.mark.parametrize(
    "away", [Unavailable("registry", "no route to host"), ConfigurationError("no alias tiny@champion")]
)
async def test_a_registry_that_does_not_say_is_told_once_and_changes_nothing(
    source: Source, slot: ModelSlot, away: Exception
) -> None:
    follower = source.follower(slot)
    source.away = away
    with capture_logs() as said:
        await follower.follow()
        await follower.follow()
    assert [each["event"] for each in said] == ["registry.not_asked"]
    assert str(away) in str(follower.complaint())
    source.away = None
    await follower.follow()
    assert follower.complaint() is None


async def test_a_registry_that_goes_away_in_the_middle_is_no_refusal(source: Source, slot: ModelSlot) -> None:
    follower = source.follower(slot)
    source.points_at, source.damage = "v2", Unavailable("registry", "cut off")
    await follower.follow()
    assert follower.state.refusal is None
    source.damage = None
    await follower.follow()
    assert slot.model.version == "v2"


async def test_whoever_is_told_looks_at_once(source: Source, slot: ModelSlot) -> None:
    follower = source.follower(slot)
    running = asyncio.create_task(follower.run(every=3600))
    source.points_at = "v2"
    follower.look_now()
    while slot.model.version != "v2":
        await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_without_being_told_it_asks_now_and_then(source: Source, slot: ModelSlot) -> None:
    running = asyncio.create_task(source.follower(slot).run(every=0.02))
    source.points_at = "v2"
    while slot.model.version != "v2":
        await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
