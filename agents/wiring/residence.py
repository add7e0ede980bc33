"""Wiring of the resident model: followed where an alias names it; shown in metrics, health and the store."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial

from agents.model_follower import Following, ModelFollower
from agents.model_slot import ModelSlot
from agents.model_targets import ModelTargets
from agents.presence import Presence
from agents.rollout_comparisons import RolloutComparisons
from agents.rollout_follower import RolloutFollower
from agents.shared_decoding import SharedDecoding
from agents.wiring import model_following
from agents.wiring.model_following import VersionSource
from agents.wiring.model_source import ResolvedModel
from agents.wiring.settings import Settings
from agents.wiring.worker import Runtime, tell
from model.registry.cache import Resolved
from model.registry.refs import AliasRef
from streams.ports import Rollouts, WholeStore


@dataclass(frozen=True, slots=True)
class Tended:
    """What a worker has beside the version that it serves."""

    versions: ModelTargets
    rollouts: RolloutComparisons


@dataclass(frozen=True, slots=True)
class Residence:
    """What a worker scores by, and what it was at the start."""

    settings: Settings
    runtime: Runtime
    slot: ModelSlot
    decoding: SharedDecoding
    first: ResolvedModel

    def show(self) -> None:
        """The version of now, in the metrics."""
        by = self.slot.runtime
        versions = self.runtime.metrics.versions
        versions.resident(self.slot.model, device=by.device, library=by.library, precision=by.precision)

    async def tend(self, store: WholeStore, stack: AsyncExitStack) -> Tended:
        """Follow the alias, have what replays and rollouts want, say in `store` what is served.

        All of it until `stack` closes.
        """
        alias = model_following.followed_alias(self.settings)
        source = VersionSource(
            self.settings, self.runtime.tracer, self.decoding, lambda: self.slot.runtime.device
        )
        follower: ModelFollower | None = None
        targets: ModelTargets | None = None
        presence = Presence(
            store,
            self.slot,
            follows=str(alias) if alias else None,
            following=lambda: follower.state if follower else None,
            missing=lambda: targets.missing() if targets else {},
        )
        if alias is not None and self.first.resolved is not None:
            follower = self._follower(alias, self.first.resolved, source, presence)
            following = model_following.following(self.settings, alias, follower)
            self._watch(await stack.enter_async_context(following))
        targets = self._targets(source, presence)
        self._watch(await stack.enter_async_context(targets.kept()))
        self._watch(await stack.enter_async_context(presence.shown()))
        return Tended(targets, await self._rollouts(store, targets, presence, stack))

    async def _rollouts(
        self, store: Rollouts, targets: ModelTargets, presence: Presence, stack: AsyncExitStack
    ) -> RolloutComparisons:
        metrics = self.runtime.metrics.rollouts
        follower = RolloutFollower(
            store,
            lambda: self.slot.model,
            want=targets.is_resident,
            name=lambda: presence.id,
            told=metrics.running,
        )
        comparisons = RolloutComparisons(follower, targets, metrics)
        self._watch(await stack.enter_async_context(follower.followed()))
        await stack.enter_async_context(comparisons.opened())
        return comparisons

    def _follower(
        self, alias: AliasRef, serving: Resolved, source: VersionSource, presence: Presence
    ) -> ModelFollower:
        def told(before: Following, now: Following) -> None:
            refused = now.refusal.wanted.version if now.refusal else None
            is_away = now.away is not None
            self.runtime.metrics.versions.followed(swaps=now.swaps, refused=refused, is_away=is_away)
            presence.changed()
            if now.serving != before.serving:
                self.show()
                source.remember(alias, now.serving)

        ask, load = partial(source.resolve, alias), partial(source.load, alias.name)
        follower = ModelFollower(self.slot, ask, load, serving=serving, told=told)
        self.runtime.observed.following(follower.complaint)
        return follower

    def _targets(self, source: VersionSource, presence: Presence) -> ModelTargets:
        load = partial(source.named, self.slot.model.name)
        return ModelTargets(self.slot, load, most=self.settings.model.resident, changed=presence.changed)

    def _watch(self, task: asyncio.Task[None]) -> None:
        task.add_done_callback(lambda ended: tell(ended, self.runtime.app))
