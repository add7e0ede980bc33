"""A worker with two versions, and a rollout of the second, over the ports in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from agents.dispatcher import Dispatcher
from agents.ports import Forwarded
from agents.rollout_comparisons import RolloutComparisons
from agents.rollout_follower import RolloutFollower
from schemas.errors import DeviceBroken
from schemas.events import VersionsCompared
from schemas.rollouts import ModelRollout, RolloutMode

from .straight_path import EPOCH, SpokenTagger, World, message_of, upload_of

SHADOW, CANARY = RolloutMode.SHADOW, RolloutMode.CANARY


def rollout_of(mode: RolloutMode, **said: Any) -> ModelRollout:
    """Of version 2 beside version 1, on every image."""
    facts = {"id": "rollout-1", "mode": mode, "model": "fake", "version": "2", "serving": "1", "percent": 100}
    facts |= {"started_at": EPOCH, "started_by": "ann", "updated_at": EPOCH}
    return ModelRollout.model_validate(facts | said)


class ShiftedTagger(SpokenTagger):
    """Sees people where others see menus; `fails` when it is told to, and waits while it is held."""

    fails = False
    hold: asyncio.Event | None = None

    async def _forward(self, pixels: bytes) -> Forwarded:
        if self.hold is not None:
            await self.hold.wait()
        if self.fails:
            raise DeviceBroken("the network of version 2 broke")
        return await super()._forward(pixels.replace(b"menu=", b"human="))


class TwoVersions:
    """`Versions`: the one that serves, and the new one once it `is_here`."""

    def __init__(self, serving: SpokenTagger, new: ShiftedTagger) -> None:
        self.serving, self.new = serving, new
        self.is_here = True
        self.asked_live: list[tuple[str, bool]] = []

    def is_resident(self, version: str) -> bool:
        return version == self.serving.model.version or self.is_here

    def is_given_up(self, version: str) -> bool:  # noqa: ARG002
        return False

    @contextmanager
    def pinned(self, version: str, *, is_live: bool = False) -> Iterator[SpokenTagger | None]:
        self.asked_live.append((version, is_live))
        yield {"1": self.serving, "2": self.new}.get(version)


class RolledOut:
    """A world, its worker, and what the worker knows of the rollout."""

    def __init__(self, world: World | None = None) -> None:
        self.world = world or World()
        self.versions = TwoVersions(SpokenTagger(), ShiftedTagger(version="2"))
        self.world.tagger = self.versions.serving
        self.wanted: list[str] = []
        self.follower = self.follower_of("worker-1")
        self.comparisons = RolloutComparisons(self.follower, self.versions, self.world.metrics.rollouts)
        self.world.rollouts = self.comparisons

    def follower_of(self, name: str) -> RolloutFollower:
        """Another worker's."""
        serving, metrics = self.versions.serving, self.world.metrics.rollouts
        return RolloutFollower(
            self.world.scores,
            lambda: serving.model,
            want=self.wanted.append,
            name=lambda: name,
            told=metrics.running,
        )

    async def start(self, rollout: ModelRollout) -> None:
        """It is started, and the worker has looked."""
        assert await self.world.scores.create_rollout(rollout)
        await self.follower.look()

    async def stored(self) -> ModelRollout:
        found = await self.world.scores.rollout("rollout-1")
        assert found is not None
        return found

    async def reported(self) -> ModelRollout:
        """As it is once the worker has reported."""
        await self.comparisons.settled()
        await self.follower.look()
        return await self.stored()

    async def tag(self, key: str, seen: str, *, desk: Dispatcher | None = None) -> None:
        """The photograph is put, tagged, and compared."""
        upload = upload_of(f"r1/{key}.jpg")
        await self.world.put(upload, seen)
        await (desk or self.world.desk()).handle(message_of(upload)).work()
        await self.comparisons.settled()

    async def tags(self, key: str) -> tuple[str, tuple[str, ...]]:
        """The version whose tags hold of it, and which they are."""
        head = await self.world.head_of(upload_of(f"r1/{key}.jpg"))
        assert head.scores is not None
        assert head.verdict is not None
        return head.scores.model.version, head.verdict.tagged

    async def history(self, key: str) -> dict[str, str]:
        """By version the job that its scores were made for."""
        records = await self.world.scores.records(upload_of(f"r1/{key}.jpg").image_id)
        return {each.scores.model.version: each.job for each in records}

    @property
    def compared(self) -> list[VersionsCompared]:
        """What was said on the topic."""
        events = (each.event for each in self.world.tags.announced)
        return [each for each in events if isinstance(each, VersionsCompared)]
