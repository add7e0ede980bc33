"""Wiring of what is resident: followed where an alias names it; shown in metrics, health and the store."""

from __future__ import annotations

from collections.abc import Callable
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
from agents.wiring.runtime import ProcessRuntime
from agents.wiring.settings import Settings
from model.registry.cache import Resolved
from model.registry.refs import AliasRef
from streams.ports import Rollouts, WholeStore


@dataclass(frozen=True, slots=True)
class Tended:
    """What a worker has beside the version that it serves."""

    versions: ModelTargets
    rollouts: RolloutComparisons


@dataclass(slots=True)
class Followed:
    """The version of an alias, and those that somebody asks for."""

    follower: ModelFollower | None = None
    """None where no alias is followed."""
    targets: ModelTargets | None = None
    """None until they are kept."""

    @property
    def state(self) -> Following | None:
        """How following stands."""
        return self.follower.state if self.follower else None

    def missing(self) -> dict[str, str]:
        """Versions that cannot be had, and why."""
        return self.targets.missing() if self.targets else {}


def _silent() -> None:
    """Nobody wants to know."""


@dataclass(frozen=True, slots=True)
class Residence:
    """What a process scores by, and what it was at the start."""

    settings: Settings
    runtime: ProcessRuntime
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
        followed, alias = Followed(), model_following.followed_alias(self.settings)
        presence = Presence(
            store,
            self.slot,
            follows=str(alias) if alias else None,
            following=lambda: followed.state,
            missing=followed.missing,
        )
        targets = await self.follow(stack, followed, changed=presence.changed)
        self.runtime.watch(await stack.enter_async_context(presence.shown()))
        return Tended(targets, await self._rollouts(store, targets, presence, stack))

    async def follow(
        self, stack: AsyncExitStack, followed: Followed, *, changed: Callable[[], None] = _silent
    ) -> ModelTargets:
        """Follow the alias, and have what somebody asks for, until `stack` closes; `followed` gets both.

        `changed` hears when what is resident, or what is said of it, has changed.
        """
        alias = model_following.followed_alias(self.settings)
        source = VersionSource(
            self.settings, self.runtime.tracer, self.decoding, lambda: self.slot.runtime.device
        )
        if alias is not None and self.first.resolved is not None:
            followed.follower = self._follower(alias, self.first.resolved, source, changed)
            following = model_following.following(self.settings, alias, followed.follower)
            self.runtime.watch(await stack.enter_async_context(following))
        load = partial(source.named, self.slot.model.name)
        targets = ModelTargets(self.slot, load, most=self.settings.model.resident, changed=changed)
        followed.targets = targets
        self.runtime.watch(await stack.enter_async_context(targets.kept()))
        return targets

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
        self.runtime.watch(await stack.enter_async_context(follower.followed()))
        await stack.enter_async_context(comparisons.opened())
        return comparisons

    def _follower(
        self, alias: AliasRef, serving: Resolved, source: VersionSource, changed: Callable[[], None]
    ) -> ModelFollower:
        def told(before: Following, now: Following) -> None:
            refused = now.refusal.wanted.version if now.refusal else None
            is_away = now.away is not None
            self.runtime.metrics.versions.followed(swaps=now.swaps, refused=refused, is_away=is_away)
            changed()
            if now.serving != before.serving:
                self.show()
                source.remember(alias, now.serving)

        ask, load = partial(source.resolve, alias), partial(source.load, alias.name)
        follower = ModelFollower(self.slot, ask, load, serving=serving, told=told)
        self.runtime.observed.following(follower.complaint)
        return follower
