"""Error routing of one record: dead letter, deferred retry, or parking."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog
from pydantic import Field

from agents.telemetry.metrics import Metrics
from schemas import topics
from schemas.errors import KeepsFailing, Rejected, Stage
from schemas.events import DeadLetter
from schemas.settings import Advanced, Section
from schemas.wire import headers
from streams.message import Message
from streams.resilience.retrying import RetryingTags

log = structlog.get_logger(__name__)


Hide = Callable[[str], str]
"""Takes the secrets out of a text."""


class Deferrals(Section):
    """What becomes of one object that keeps failing while others succeed."""

    attempts: Advanced[int] = Field(
        8, ge=1, description="Refusals of one object until it goes to the retry topic"
    )
    delay: float = Field(300.0, gt=0, description="Seconds until a message on the retry topic is due")
    """One delay for all: the topic stays in the order of due times."""
    most: int = Field(5, ge=0, description="Times on the retry topic until a message is parked for a person")


class ErrorRouter:
    """Writes the letters of records that end badly, and counts them."""

    def __init__(
        self, tags: RetryingTags, *, deferrals: Deferrals, metrics: Metrics, hide: Hide = str
    ) -> None:
        self._tags = tags
        self._deferrals = deferrals
        self._metrics = metrics
        self._hide = hide

    async def route(self, message: Message, error: Rejected | KeepsFailing, image_id: str | None) -> None:
        """A dead letter for what never succeeds, another try later for what keeps failing alone."""
        if isinstance(error, Rejected):
            await self._bury(message, error, image_id=image_id)
        else:
            await self._defer(message, error, image_id=image_id)

    async def _bury(self, message: Message, error: Rejected, *, image_id: str | None) -> None:
        """To the dead letters, exactly as it came, with its cause."""
        facts = {"image_id": image_id, "stage": error.stage, "code": error.code}
        log.info("image.rejected", **facts, cause=str(error))
        await self._send(_letter(message, error, image_id=image_id, stage=error.stage, code=error.code))
        self._metrics.dead_letters.labels(error.code).inc()
        self._metrics.count("rejected")

    async def _defer(self, message: Message, error: KeepsFailing, *, image_id: str | None) -> None:
        """To the retry topic with the time at which it is due; after too many of those, to parking."""
        # On any other topic a producer could have written the header.
        attempts = 1 + (headers.attempts(message.headers) if message.topic in headers.HOPS else 0)
        parked = attempts > self._deferrals.most
        due = None if parked else datetime.now(UTC) + timedelta(seconds=self._deferrals.delay)
        where = {"topic": topics.PARKING if parked else topics.RETRY, "attempts": attempts, "due_at": due}
        letter = _letter(message, error, image_id=image_id, stage=Stage.FETCH, code="keeps_failing")
        log.warning("image.deferred", image_id=image_id, attempts=attempts, parked=parked, cause=str(error))
        await self._send(letter.model_copy(update=where))
        (self._metrics.parked if parked else self._metrics.deferred).labels(error.dependency).inc()
        self._metrics.count("parked" if parked else "deferred")

    async def _send(self, letter: DeadLetter) -> None:
        # Many may read a dead letter, and an exception may quote an address with its password.
        hidden = {"message": self._hide(letter.message), "trace": self._hide(letter.trace)}
        safe = letter.model_copy(update=hidden)
        await self._tags.bury(safe)


def _letter(
    message: Message, error: Rejected | KeepsFailing, *, image_id: str | None, stage: str, code: str
) -> DeadLetter:
    return DeadLetter(
        key=message.key,
        value=message.value or b"",
        headers=message.headers,
        source=message.source,
        image_id=image_id,
        stage=stage,
        code=code,
        exception=type(error).__name__,
        message=str(error),
        trace=getattr(error, "trace", ""),
    )
