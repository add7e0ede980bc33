"""Entrance of moderators' decisions: a decision outranks any score of the bytes that it was made of."""

from __future__ import annotations

from functools import partial

import structlog

from agents import moderation_policy
from agents.jobs import Job, Jobs, refused
from agents.pipeline import Pipeline
from schemas import wire
from schemas.decisions import Decision, ModerationDecided
from schemas.errors import UnknownImage
from schemas.records import ImageHead, Kept
from streams.inflight import Urgency
from streams.message import Message
from streams.ports import BROKER, STORE

log = structlog.get_logger(__name__)


class Decisions:
    """Any number at once; those of one image must come one after another."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    def jobs(self, message: Message) -> Jobs:
        """One job, ahead of all others, and also while storage is away."""
        event = wire.decode_decision(message.value, dict(message.headers))
        if isinstance(event, wire.Invalid):
            return Jobs((refused(event.error),))
        job = Job(partial(self._decide, message, event), event.image_id)
        return Jobs((job,), urgency=Urgency.URGENT, needs=frozenset({STORE, BROKER}))

    async def _decide(self, message: Message, event: ModerationDecided) -> str:
        """Keep, announce and mark what the decision means; how it ended."""
        _, partition, offset = message.origin
        decision = Decision.of(event, partition, offset)
        image = self._pipeline.image(event.image_id)
        before = await image.head()
        if before is None:
            raise UnknownImage(f"{event.image_id} was never uploaded")
        kept = await image.keep(self._pipeline.transitions(image).decided(decision))
        if not kept.head.is_announced:
            await self._pipeline.publish(image, kept.head)
        if not isinstance(kept, Kept):
            return "stale"
        self._account(before, kept.head, decision)
        return "decided"

    def _account(self, before: ImageHead, after: ImageHead, decision: Decision) -> None:
        """Seconds from flag to decision; a word that does not hold of the present bytes is said."""
        if before.decision and before.decision.event_id == decision.event_id:
            return
        if before.flagged_at:
            seconds = (decision.decided_at - before.flagged_at).total_seconds()
            self._pipeline.metrics.turnaround.observe(max(0.0, seconds))
        is_outdated = after.decision is not None and moderation_policy.is_of_other_bytes(
            after, after.decision
        )
        if is_outdated:
            log.warning("decision.outdated", image_id=after.image_id, action=decision.action)
