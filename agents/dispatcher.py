"""Dispatch by topic: each message goes to the entrance of its topic, and each of its records to one ending.

Three endings only: `Rejected` becomes a dead letter (or is held aside, while too many have its cause),
`KeepsFailing` another try later, and anything else leaves here and stops the worker (`schemas.errors`).
What is away is waited for further below.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import structlog

from agents.dead_letters import ErrorRouter
from agents.gaps import Gaps
from agents.jobs import Entrance, Job, Jobs
from agents.telemetry.attribute import Attribute
from agents.telemetry.metrics import Metrics
from agents.telemetry.tracing import TRACEPARENT, Tracer
from schemas import topics, wire
from schemas.errors import KeepsFailing, Rejected
from schemas.wire import headers
from streams.inflight import Urgency
from streams.message import Message, Task
from streams.ports import BROKER
from streams.resilience.rejection_alarm import RejectionAlarms

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """Brings every message to its end, record by record."""

    entrances: Mapping[str, Entrance]
    """By the topic that a message was first published to."""
    alarms: RejectionAlarms
    errors: ErrorRouter
    gaps: Gaps
    metrics: Metrics
    tracer: Tracer

    def handle(self, message: Message) -> Task:
        """What the message asks for, ordered by its images; a deferred one is not ready before it is due.

        A message that names no image is ordered with nothing.
        """
        if message.unread:
            bury = partial(self.gaps.bury, message, message.unread)
            return Task((message.source,), bury, needs=frozenset({BROKER}))
        jobs = self.entrances.get(message.origin[0], self.entrances[topics.UPLOADED]).jobs(message)
        images = dict.fromkeys(job.image_id for job in jobs.jobs if job.image_id)
        return Task(
            tuple(images) or (message.source,),
            partial(self._run, message, jobs),
            # Many may have been held aside together, and most may be in vain again.
            urgency=Urgency.BACKGROUND if headers.suspicion(message) else jobs.urgency,
            needs=jobs.needs,
            is_ready=partial(_is_ready, message, jobs),
        )

    async def _run(self, message: Message, jobs: Jobs) -> None:
        with self._span(message):
            for job in jobs.jobs:
                await self._end(message, job)
            for each in jobs.ignored:
                self.metrics.count("filtered" if each.is_filtered else "ignored")
                log.debug("record.ignored", why=each.why)

    async def _end(self, message: Message, job: Job) -> None:
        """Bring one record to one of its endings."""
        try:
            self.metrics.count(await job.run())
        except (Rejected, KeepsFailing) as error:
            refusal = error
        else:
            self.alarms.of(message.origin[0]).passed()
            return
        # Outside the handler: the error's traceback holds the image's bytes, and letters may take long.
        refusal.__traceback__ = None
        await self.errors.route(message, job, refusal)

    @contextmanager
    def _span(self, message: Message) -> Iterator[None]:
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


def _is_ready(message: Message, jobs: Jobs) -> bool:
    due = headers.due_at(message.headers) if message.topic == topics.RETRY else None
    return (due is None or datetime.now(UTC) >= due) and (jobs.is_ready is None or jobs.is_ready())
