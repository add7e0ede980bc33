"""The straight path: message, fetch, decode, forward, decide, store, announce, mark.

Store, then announce, then mark, then acknowledge (which is: return). A redelivery finds its own
claim in the store and goes on where the last life ended, with the scores that it kept, so that
the same event gives the same documents and the same event ids however often it is worked on.

Three endings only: `Rejected` becomes a dead letter, `Unavailable` is outlasted in place, and
anything else leaves here and stops the worker (see `schemas.errors`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from agents.telemetry.metrics import Stopwatch
from agents.transitions import Scoring, Transitions
from agents.workbench import Workbench
from schemas import topics, wire
from schemas.claims import Claim, Claims
from schemas.events import Reason
from schemas.naming import Naming
from schemas.records import ImageHead, Kept, ScoreRecord, Stale
from schemas.uploads import ImageRemoved, ImageUploaded, Position
from schemas.wire import headers
from streams.message import Message, Task

Event = ImageUploaded | ImageRemoved
Outcome = Callable[[str, Claim], Awaitable[str]]
"""From an image's id and a claim of it to how that ended."""


class Pipeline:
    """Works on uploads and removals, any number at once; those of one image must come one after another."""

    def __init__(self, bench: Workbench, naming: Naming) -> None:
        self._bench = bench
        self._parts = bench.parts
        self._naming = naming

    def handle(self, message: Message) -> Task:
        """What the message asks for, ordered by its images; a spoiled one is ordered with nothing."""
        records = wire.decode(message.value, dict(message.headers), self._naming)
        if message.topic == topics.RETRY and (deferred := headers.image_id(message.headers)):
            # Its siblings ended at the first hop; if each copy were all of them they would multiply.
            records = tuple(record for record in records if _image(record) == deferred)
        images = dict.fromkeys(filter(None, map(_image, records)))
        return Task(tuple(images) or (message.source,), lambda: self._work(message, records))

    async def _work(self, message: Message, records: tuple[wire.Record, ...]) -> None:
        with self._bench.working(message):
            for record in records:
                await self._do(message, record)

    async def _do(self, message: Message, record: wire.Record) -> None:
        match record:
            case wire.Uploaded(event) | wire.Removed(event, if_gone=False):
                await self._end(message, event, record.sequencer, self._outcome)
            case wire.Removed(event):
                await self._end(message, event, record.sequencer, self._outcome_if_gone)
            case wire.Invalid(error):
                await self._bench.letters.spoiled(message, error)
            case wire.Ignored():
                self._bench.metrics.count("ignored")

    async def _end(self, message: Message, event: Event, sequencer: str | None, outcome: Outcome) -> None:
        """Bring one record to one of its endings."""
        image_id, claim = event.image_id, Claim.of(event, Position.of(event, message.origin, sequencer))
        await self._bench.letters.ending(message, image_id, lambda: outcome(image_id, claim))

    async def _outcome_if_gone(self, image_id: str, removal: Claim) -> str:
        """As `_outcome`, unless something stands where the claim says that one version was removed."""
        if await self._bench.scorer.stands(removal.location):
            return "ignored"
        return await self._outcome(image_id, removal)

    async def _outcome(self, image_id: str, claim: Claim) -> str:
        """Make the claim hold, or find what outranks it, and say how it ended."""
        watch = self._bench.watch()
        while True:
            head = await self._bench.head(image_id)
            kept, ending = await self._keep(image_id, claim, head, watch)
            # Stale: somebody's claim came in between, and the next round sees it.
            if isinstance(kept, Kept):
                break
        if kept.head.is_announced:
            return "duplicate" if kept.head.position.is_same(claim.position) else "stale"
        await self._bench.teller.tell(kept.head, watch)
        return ending

    async def _keep(
        self, image_id: str, claim: Claim, head: ImageHead | None, watch: Stopwatch
    ) -> tuple[Kept | Stale, str]:
        """Store what follows from the claim beside what is stored, and how that is called."""
        arrived = Claims.of(claim)
        changes = Transitions(image_id, self._parts.tagger, self._bench.now(), arrived)
        standing = (head.all_claims.joined(arrived) if head else arrived).current
        if head is not None and self._is_answered(head, standing, claim):
            ending = "resumed" if standing.is_same(claim) else "stale"
            return await self._bench.apply(image_id, changes.noted, watch), ending
        if standing.is_removal:
            return await self._bench.apply(image_id, changes.removed(standing), watch), "removed"
        scoring = await self._bench.scorer.score(standing, head, watch, reason=Reason.LIVE, job="live")
        record = score_record(image_id, scoring, watch)
        return await self._bench.apply(image_id, changes.scored(scoring), watch, record), "tagged"

    def _is_answered(self, head: ImageHead, standing: Claim, claim: Claim) -> bool:
        """Whether nothing has to be scored; another's claim is not scored again for a new model's sake."""
        if not standing.is_same(claim) and head.position.is_same(standing.position):
            return True
        return head.holds(standing, self._parts.tagger.model)


def score_record(image_id: str, scoring: Scoring, watch: Stopwatch) -> ScoreRecord:
    """The scoring as the history keeps it, under the version that storage itself gave the bytes."""
    return ScoreRecord(
        image_id=image_id,
        content_version=scoring.stored_as or f"sha256:{scoring.content.digest}",
        scores=scoring.scores,
        position=scoring.claim.position,
        scored_at=datetime.now(UTC),
        seconds=dict(watch.seconds),
        job=scoring.job,
        content=scoring.content,
    )


def _image(record: wire.Record) -> str | None:
    match record:
        case wire.Uploaded(event) | wire.Removed(event):
            return event.image_id
    return None
