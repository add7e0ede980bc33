"""Entrance of moderators' decisions: a decision outranks any score of the bytes that it was made of."""

from __future__ import annotations

from functools import partial

import structlog

from agents import bounded_times, moderation_policy
from agents.jobs import Job, Jobs, refused
from agents.moderation_policy import Unapplied
from agents.pipeline import Pipeline
from agents.rollout_comparisons import RolloutComparisons
from schemas import wire
from schemas.decisions import Decision, ModerationDecided
from schemas.errors import UnknownImage
from schemas.records import ImageHead
from streams.inflight import Urgency
from streams.message import Message
from streams.ports import BROKER, STORE

log = structlog.get_logger(__name__)


class Decisions:
    """Any number at once; those of one image must come one after another."""

    def __init__(self, pipeline: Pipeline, *, rollouts: RolloutComparisons | None = None) -> None:
        self._pipeline = pipeline
        self._rollouts = rollouts

    def jobs(self, message: Message) -> Jobs:
        """One job, ahead of all others, and also while storage is away."""
        event = wire.decode_decision(message.value, dict(message.headers))
        if isinstance(event, wire.Invalid):
            return Jobs((refused(event.error),))
        now, limits = self._pipeline.now(), self._pipeline.clock
        ahead = bounded_times.refusal("decided_at", event.decided_at, message, now=now, limits=limits)
        if ahead is not None:
            return Jobs((refused(ahead, image_id=event.image_id),))
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
        head = (await image.keep(self._pipeline.transitions(image).decided(decision))).head
        if not head.is_announced:
            await self._pipeline.publish(image, head)
        held = next((each for each in head.all_decisions if each.event_id == decision.event_id), decision)
        why = moderation_policy.unapplied(head, held)
        if all(each.event_id != decision.event_id for each in before.all_decisions):
            self._account(before, head, held, why)
            if self._rollouts is not None:
                await self._rollouts.corrected(image, head)
        return "decided" if why is None else ("stale" if why is Unapplied.OUTRANKED else "unapplied")

    def _account(self, before: ImageHead, head: ImageHead, held: Decision, why: Unapplied | None) -> None:
        """Seconds from flag to decision; a word that does nothing now is said, and one that is forgotten."""
        facts = {"image_id": head.image_id, "action": held.action, "decided_at": held.decided_at.isoformat()}
        if why is not None:
            self._pipeline.metrics.unapplied.labels(why).inc()
            log.warning("decision.outdated", **facts, why=why)
        elif before.flagged_at:
            seconds = (held.decided_at - before.flagged_at).total_seconds()
            self._pipeline.metrics.turnaround.observe(max(0.0, seconds))
        for each in moderation_policy.forgotten(before, head):
            log.warning("decision.forgotten", image_id=head.image_id, content_digest=each.content_digest)
