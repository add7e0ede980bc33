"""Where every message is handed in: which handler it belongs to, and what they all work with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from agents.dead_letters import Deferrals, ErrorRouter, Hide
from agents.decisions import Deciding
from agents.pipeline import Pipeline
from agents.ports import Components
from agents.rescore import Rescoring
from agents.scoring import Scorer
from agents.telemetry.metrics import Metrics
from agents.telemetry.tracing import NO_TRACER, Tracer
from agents.telling import Teller
from agents.workbench import Workbench
from schemas import topics
from schemas.naming import Naming
from schemas.wire import headers
from streams.message import Handler, Message, Task
from streams.resilience.rejection_alarm import RejectionLimits, RejectionRateBreaker
from streams.resilience.retry import Dependencies


@dataclass(frozen=True, slots=True)
class DispatcherLimits:
    """The bounds of the work, beyond those of its parts."""

    loading: int = 32
    """Images whose encoded bytes are in memory at once."""
    attempts: int = 8
    """Refusals of one object, others being answered, until it is deferred."""
    deferrals: Deferrals = field(default_factory=Deferrals)
    rejections: RejectionLimits = field(default_factory=RejectionLimits)


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """Hands each message to the handler of the topic that it was first published to."""

    handlers: Mapping[str, Handler]
    alarm: RejectionRateBreaker

    def handle(self, message: Message) -> Task:
        """What the message asks for; a deferred one is not ready before it is due."""
        handler = self.handlers.get(message.origin[0], self.handlers[topics.UPLOADED])
        task = handler(message)
        due = headers.due_at(message.headers)
        if message.topic != topics.RETRY or due is None:
            return task
        return replace(task, is_ready=lambda: datetime.now(UTC) >= due and task.is_ready())


def build_dispatcher(  # noqa: PLR0913 - all that a worker is made of comes together here
    parts: Components,
    outages: Dependencies,
    limits: DispatcherLimits,
    *,
    metrics: Metrics,
    naming: Naming | None = None,
    tracer: Tracer = NO_TRACER,
    alarm: RejectionRateBreaker | None = None,
    now: Callable[[], datetime] | None = None,
    hide: Hide = str,
) -> Dispatcher:
    """The handlers of every topic that a worker reads, over these parts."""
    alarm = alarm or RejectionRateBreaker(limits.rejections)
    bench = Workbench(
        parts=parts,
        outages=outages,
        scorer=Scorer(parts, outages, loading=limits.loading, attempts=limits.attempts, metrics=metrics),
        teller=Teller(parts, outages, metrics),
        letters=ErrorRouter(parts, outages, alarm, deferrals=limits.deferrals, metrics=metrics, hide=hide),
        metrics=metrics,
        tracer=tracer,
        **({"now": now} if now else {}),
    )
    handlers = {
        topics.UPLOADED: Pipeline(bench, naming or Naming()).handle,
        topics.DECISIONS: Deciding(bench).handle,
        topics.RESCORE: Rescoring(bench).handle,
    }
    return Dispatcher(handlers, alarm)
