"""What every handler works with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from agents.dead_letters import ErrorRouter
from agents.ports import Components
from agents.scoring import Scorer
from agents.telemetry.attribute import Attribute
from agents.telemetry.metrics import Metrics, Stopwatch
from agents.telemetry.tracing import NO_TRACER, TRACEPARENT, Tracer
from agents.telling import Teller
from schemas import wire
from schemas.errors import Rejected, Stage
from schemas.records import ImageHead, Kept, ScoreRecord, Stale
from streams.message import Message
from streams.ports import STORE, Change
from streams.resilience.retry import Dependencies

log = structlog.get_logger(__name__)


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Workbench:
    """The parts, and the steps that handlers share over them."""

    parts: Components
    outages: Dependencies
    scorer: Scorer
    teller: Teller
    letters: ErrorRouter
    metrics: Metrics
    tracer: Tracer = NO_TRACER
    now: Callable[[], datetime] = _utc_now

    @contextmanager
    def working(self, message: Message) -> Iterator[None]:
        """The span of the message's work; what is announced within it carries its `traceparent`."""
        log.debug("message.started", topic=message.topic, partition=message.partition, offset=message.offset)
        attributes: dict[str, Attribute] = {
            "messaging.system": "kafka",
            "messaging.destination.name": message.topic,
            "messaging.destination.partition.id": str(message.partition),
            "messaging.kafka.offset": message.offset,
        }
        parent = wire.traceparent(dict(message.headers), message.value)
        with self.tracer.message(parent, f"{message.topic} process", attributes) as span:
            TRACEPARENT.set(span.traceparent)
            yield

    async def head(self, image_id: str) -> ImageHead | None:
        """What holds of the image now, however long the store takes."""
        return await self.outages.of(STORE).retry_until_available(lambda: self.parts.scores.head(image_id))

    async def apply(
        self, image_id: str, change: Change, watch: Stopwatch, record: ScoreRecord | None = None
    ) -> Kept | Stale:
        """Make `change` to the image's head, however long the store takes."""
        with watch.stage(Stage.STORE):
            return await self.outages.of(STORE).retry_until_available(
                lambda: self.parts.scores.apply(image_id, change, record)
            )

    async def spoiled(self, message: Message, error: Rejected) -> None:
        """Bury a message that is nothing we know."""
        with self.working(message):
            await self.letters.spoiled(message, error)

    def watch(self) -> Stopwatch:
        """Times and traces the stages of one image."""
        return Stopwatch(self.metrics, self.tracer)
