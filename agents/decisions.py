"""What moderators say: a decision outranks any score of the bytes that it was made of."""

from __future__ import annotations

import structlog

from agents import moderation_policy
from agents.transitions import Transitions
from agents.workbench import Workbench
from schemas import wire
from schemas.decisions import Decision, ModerationDecided
from schemas.errors import UnknownImage
from schemas.records import ImageHead, Kept
from streams.inflight import Urgency
from streams.message import Message, Task
from streams.ports import BROKER, STORE

log = structlog.get_logger(__name__)


class Deciding:
    """Works on decisions, any number at once; those of one image must come one after another."""

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench

    def handle(self, message: Message) -> Task:
        """What the message asks for, ordered by its image; a spoiled one is ordered with nothing."""
        said = wire.decode_decision(message.value, dict(message.headers))
        if isinstance(said, wire.Invalid):
            error = said.error
            return Task((message.source,), lambda: self._bench.spoiled(message, error))

        return Task(
            (said.image_id,),
            lambda: self._work(message, said),
            urgency=Urgency.URGENT,
            needs=frozenset({STORE, BROKER}),
        )

    async def _work(self, message: Message, said: ModerationDecided) -> None:
        with self._bench.working(message):
            await self._bench.letters.ending(message, said.image_id, lambda: self._outcome(message, said))

    async def _outcome(self, message: Message, said: ModerationDecided) -> str:
        """Make the decision hold, and say how it ended."""
        _, partition, offset = message.origin
        decision = Decision.of(said, partition, offset)
        watch = self._bench.watch()
        before = await self._bench.head(said.image_id)
        if before is None:
            raise UnknownImage(f"{said.image_id} was never uploaded")
        changes = Transitions(said.image_id, self._bench.parts.tagger, self._bench.now())
        kept = await self._bench.apply(said.image_id, changes.decided(decision), watch)
        if not kept.head.is_announced:
            await self._bench.teller.tell(kept.head, watch)
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
            self._bench.metrics.turnaround.observe(max(0.0, seconds))
        is_of_other_bytes = after.decision is not None and moderation_policy.is_of_other_bytes(
            after, after.decision
        )
        if is_of_other_bytes:
            log.warning("decision.outdated", image_id=after.image_id, action=decision.action)
