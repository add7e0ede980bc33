"""The replay lane: images scored again by a wanted model version, behind live traffic."""

from __future__ import annotations

from agents.pipeline import score_record
from agents.telemetry.metrics import Stopwatch
from agents.transitions import Transitions
from agents.workbench import Workbench
from schemas import wire
from schemas.claims import Claims
from schemas.errors import Gone
from schemas.events import Reason, RescoreRequested
from schemas.records import ImageHead, Kept
from streams.inflight import Urgency
from streams.message import Message, Task


class Rescoring:
    """Works on the lane, any number at once; requests of one image must come one after another."""

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench
        self._parts = bench.parts

    def handle(self, message: Message) -> Task:
        """What the message asks for, in the order of its image; not ready while its model is not resident."""
        wanted = wire.decode_rescore(message.value, dict(message.headers))
        if isinstance(wanted, wire.Invalid):
            error = wanted.error
            return Task((message.source,), lambda: self._bench.spoiled(message, error))

        return Task(
            (wanted.image_id,),
            lambda: self._work(message, wanted),
            urgency=Urgency.BACKGROUND,
            is_ready=lambda: self._is_resident(wanted),
        )

    def _is_resident(self, wanted: RescoreRequested) -> bool:
        """Never scored by another model than the wanted one: the lane waits, and a metric says so."""
        resident = self._parts.tagger.model.version == wanted.model_version
        self._bench.metrics.lane_waiting.labels(wanted.model_version).set(0 if resident else 1)
        return resident

    async def _work(self, message: Message, wanted: RescoreRequested) -> None:
        with self._bench.working(message):
            await self._bench.letters.ending(message, wanted.image_id, lambda: self._outcome(wanted))

    async def _outcome(self, wanted: RescoreRequested) -> str:
        """Score what stands of the image, and say how it ended; what is gone meanwhile is skipped."""
        watch = self._bench.watch()
        head = await self._bench.head(wanted.image_id)
        arrived = Claims.of(wanted.claim)
        standing = (head.all_claims.joined(arrived) if head else arrived).current
        if standing.is_removal:
            return "skipped"
        if head is not None and head.holds(standing, self._parts.tagger.model):
            return await self._decided_again(head, wanted, watch)
        try:
            scoring = await self._bench.scorer.score(
                standing, head, watch, reason=Reason.REPLAY, job=wanted.job
            )
        except Gone:
            return "skipped"
        changes = Transitions(wanted.image_id, self._parts.tagger, self._bench.now(), arrived)
        record = score_record(wanted.image_id, scoring, watch)
        kept = await self._bench.apply(wanted.image_id, changes.scored(scoring), watch, record)
        if not isinstance(kept, Kept):
            return "stale"  # a newer upload came in between, and was scored on its own account
        if not kept.head.is_announced:
            await self._bench.teller.tell(kept.head, watch)
        return "rescored"

    async def _decided_again(self, head: ImageHead, wanted: RescoreRequested, watch: Stopwatch) -> str:
        """The scores are there: tell what was not told yet, and decide anew where that is asked for."""
        image_id, job, model = wanted.image_id, wanted.job, self._parts.tagger.model
        ending = "resumed"
        if wanted.decide_again:
            changes = Transitions(image_id, self._parts.tagger, self._bench.now())
            kept = await self._bench.apply(
                image_id, lambda held: changes.rejudged(held, model=model, job=job), watch
            )
            head, ending = kept.head, "redecided"
        if head.is_announced:
            return "duplicate"
        await self._bench.teller.tell(head, watch)
        return ending
