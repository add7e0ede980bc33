"""Wiring of the resident model: followed where an alias names it; shown in metrics, health and the store."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass

from agents.model_follower import Following, ModelFollower
from agents.model_slot import ModelSlot
from agents.presence import Presence
from agents.shared_decoding import SharedDecoding
from agents.wiring import model_following
from agents.wiring.model_following import VersionSource
from agents.wiring.model_source import ResolvedModel
from agents.wiring.settings import Settings
from agents.wiring.worker import Runtime, tell
from streams.ports import WorkerStates


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

    async def tend(self, states: WorkerStates, stack: AsyncExitStack) -> None:
        """Follow the alias, if there is one, and say in `states` what is served, until `stack` closes."""
        alias = model_following.followed_alias(self.settings)
        follower: ModelFollower | None = None
        presence = Presence(
            states,
            self.slot,
            follows=str(alias) if alias else None,
            following=lambda: follower.state if follower else None,
        )
        if alias is not None and self.first.resolved is not None:
            source = VersionSource(self.settings, alias, self.runtime.tracer, self.decoding)

            def told(before: Following, now: Following) -> None:
                self.runtime.metrics.versions.followed(now)
                presence.changed()
                if now.serving != before.serving:
                    self.show()
                    source.remember(now.serving)

            follower = source.follower(self.slot, self.first.resolved, told)
            self.runtime.observed.following(follower.complaint)
            following = await stack.enter_async_context(model_following.following(source, follower))
            following.add_done_callback(lambda ended: tell(ended, self.runtime.app))
        shown = await stack.enter_async_context(presence.shown())
        shown.add_done_callback(lambda ended: tell(ended, self.runtime.app))
