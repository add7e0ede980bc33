"""Error routing of one record: dead letter, deferred retry, or parking."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from pydantic import Field

from agents.jobs import Job
from agents.telemetry.metrics import Metrics
from schemas import topics
from schemas.errors import Gone, KeepsFailing, Rejected, Stage
from schemas.events import DeadLetter, Suspicion
from schemas.settings import Advanced, Section
from schemas.wire import headers
from streams.message import Message
from streams.ports import IMAGES
from streams.resilience.rejection_alarm import RejectionAlarms
from streams.resilience.retrying import RetryingTags

log = structlog.get_logger(__name__)


Hide = Callable[[str], str]
"""Takes the secrets out of a text."""


class Deferrals(Section):
    """What becomes of one object that keeps failing while others succeed, and of what is suspected."""

    attempts: Advanced[int] = Field(
        8, ge=1, description="Refusals of one object until it goes to the retry topic"
    )
    delay: float = Field(300.0, gt=0, description="Seconds until a message on the retry topic is due")
    """One delay for all: the topic stays in the order of due times."""
    gone: Advanced[float] = Field(
        30.0,
        ge=0,
        description="Seconds until an upload whose object is not there is tried once more; 0: it is not",
    )
    """Shorter, it may still wait behind what is due later; the news of a deletion is there by then."""
    most: int = Field(5, ge=0, description="Times on the retry topic until a message is parked for a person")


class ErrorRouter:
    """Writes the letters of records that end badly, and counts them."""

    def __init__(
        self,
        tags: RetryingTags,
        *,
        alarms: RejectionAlarms,
        deferrals: Deferrals,
        metrics: Metrics,
        hide: Hide = str,
    ) -> None:
        self._tags = tags
        self._alarms = alarms
        self._deferrals = deferrals
        self._metrics = metrics
        self._hide = hide

    async def route(self, message: Message, job: Job, error: Rejected | KeepsFailing) -> None:
        """A dead letter for what never succeeds; another try later for what may, on its own or with many."""
        if isinstance(error, KeepsFailing):
            await self._defer(message, job, error)
        elif isinstance(error, Gone) and self._may_be_early(message):
            await self._look_again(message, job, error)
        elif suspicion := self._suspicion(message, error):
            await self._hold_aside(message, job, error, suspicion)
        else:
            await self._bury(message, job, error)

    async def _bury(self, message: Message, job: Job, error: Rejected) -> None:
        """To the dead letters, exactly as it came, with its cause."""
        facts = {"image_id": job.image_id, "stage": error.stage, "code": error.code}
        log.info("image.rejected", **facts, cause=str(error))
        await self._send(_letter(message, job, error))
        self._metrics.dead_letters.labels(error.code).inc()
        self._metrics.count("rejected")

    async def _defer(self, message: Message, job: Job, error: KeepsFailing) -> None:
        """To the retry topic with the time at which it is due; after too many of those, to parking."""
        hop = self._hop(message)
        parked = hop["topic"] == topics.PARKING
        facts = {"image_id": job.image_id, "attempts": hop["attempts"], "parked": parked}
        log.warning("image.deferred", **facts, cause=str(error))
        await self._send(_letter(message, job, error, **hop, suspected=headers.suspicion(message)))
        (self._metrics.parked if parked else self._metrics.deferred).labels(error.dependency).inc()
        self._metrics.count("parked" if parked else "deferred")

    def _may_be_early(self, message: Message) -> bool:
        """Whether its object may come yet, or the news of its deletion: it was not looked for twice."""
        is_first = _attempts(message) == 0
        return is_first and self._deferrals.gone > 0 and self._deferrals.most > 0

    async def _look_again(self, message: Message, job: Job, error: Gone) -> None:
        """To the retry topic, once. It says nothing of a cause yet: mostly the object was deleted."""
        log.info("image.awaited", image_id=job.image_id, cause=str(error))
        await self._send(_letter(message, job, error, **self._hop(message, self._deferrals.gone)))
        self._metrics.deferred.labels(IMAGES).inc()
        self._metrics.count("deferred")

    def _suspicion(self, message: Message, error: Rejected) -> Suspicion | None:
        """Why the rejection may not be the record's own; it is accounted for."""
        earlier = headers.suspicion(message)
        again = earlier is not None and earlier.cause == error.code
        alarm = self._alarms.of(message.origin[0])
        if not alarm.suspects(error.code, again=again):
            return None
        if again:
            return earlier
        age = timedelta(seconds=alarm.alarms()[error.code])
        return Suspicion(cause=error.code, since=datetime.now(UTC) - age)

    async def _hold_aside(self, message: Message, job: Job, error: Rejected, suspicion: Suspicion) -> None:
        """To the retry topic, and after the last try to parking: a person says whose fault it was."""
        hop = self._hop(message)
        parked = hop["topic"] == topics.PARKING
        facts = {"image_id": job.image_id, "code": error.code, "attempts": hop["attempts"], "parked": parked}
        log.info("image.held_aside", **facts, cause=str(error))
        await self._send(_letter(message, job, error, **hop, suspected=suspicion))
        self._metrics.suspected.labels(error.code, "parking" if parked else "retry").inc()
        self._metrics.count("parked" if parked else "held_aside")

    def _hop(self, message: Message, delay: float | None = None) -> dict[str, Any]:
        """Where it goes next, and when it is due there: the retry topic, or after too many times parking."""
        attempts = 1 + _attempts(message)
        if attempts > self._deferrals.most:
            return {"topic": topics.PARKING, "attempts": attempts}
        due = datetime.now(UTC) + timedelta(seconds=delay or self._deferrals.delay)
        return {"topic": topics.RETRY, "attempts": attempts, "due_at": due}

    async def _send(self, letter: DeadLetter) -> None:
        # Many may read a dead letter, and an exception may quote an address with its password.
        hidden = {"message": self._hide(letter.message), "trace": self._hide(letter.trace)}
        safe = letter.model_copy(update=hidden)
        await self._tags.bury(safe)


def _attempts(message: Message) -> int:
    """How often it was deferred before; on any other topic a producer could have written the header."""
    return headers.attempts(message.headers) if message.topic in headers.HOPS else 0


def _letter(message: Message, job: Job, error: Rejected | KeepsFailing, **hop: Any) -> DeadLetter:  # noqa: ANN401 - fields of the letter
    stage, code = (error.stage, error.code) if isinstance(error, Rejected) else (Stage.FETCH, "keeps_failing")
    return DeadLetter(
        key=message.key,
        value=(message.value or b"") if job.alone is None else job.alone,
        headers=message.headers,
        source=message.source,
        image_id=job.image_id,
        stage=stage,
        code=code,
        exception=type(error).__name__,
        message=str(error),
        trace=getattr(error, "trace", ""),
        **hop,
    )
