"""Wiring of the handlers: the ports behind retry and breaker, the straight path on them, its entrances."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Final

from agents.bounded_times import ClockLimits
from agents.dead_letters import Deferrals, ErrorRouter, Hide
from agents.decisions import Decisions
from agents.dispatcher import Dispatcher
from agents.gaps import GapNotice, Gaps
from agents.jobs import Entrance
from agents.opened_components import Components
from agents.pipeline import Pipeline
from agents.ports import OneVersion
from agents.rescore import Rescore
from agents.statement_template import StatementTemplate
from agents.telemetry.metrics import Metrics
from agents.telemetry.tracing import NO_TRACER, Tracer
from agents.uploads import Uploads
from schemas import topics
from schemas.naming import Naming
from streams.inflight import WindowLimits
from streams.ports import BROKER, IMAGES, STORE
from streams.resilience.rejection_alarm import RejectionAlarms, RejectionLimits
from streams.resilience.retry import Dependencies
from streams.resilience.retrying import RetryingImages, RetryingScores, RetryingTags, Slots


@dataclass(frozen=True, slots=True)
class DispatcherLimits:
    """The bounds of the work, beyond those of its parts."""

    loading: int = field(default_factory=lambda: WindowLimits().loading)
    """Images whose encoded bytes are in memory at once."""
    deferrals: Deferrals = field(default_factory=Deferrals)
    rejections: RejectionLimits = field(default_factory=RejectionLimits)
    clock: ClockLimits = field(default_factory=ClockLimits)


UTC_NOW: Final = partial(datetime.now, UTC)


def build_dispatcher(  # noqa: PLR0913 - all that a worker is made of comes together here
    components: Components,
    dependencies: Dependencies,
    limits: DispatcherLimits,
    *,
    metrics: Metrics,
    naming: Naming | None = None,
    template: StatementTemplate | None = None,
    tracer: Tracer = NO_TRACER,
    alarms: RejectionAlarms | None = None,
    now: Callable[[], datetime] = UTC_NOW,
    hide: Hide = str,
    notice: GapNotice | None = None,
) -> Dispatcher:
    """The dispatcher of every topic that a worker reads, over these components."""
    attempts = limits.deferrals.attempts
    slots = Slots(limits.loading, count=metrics.loading.images.inc)
    tags = RetryingTags(components.tags, dependencies.of(BROKER))
    pipeline = Pipeline(
        RetryingImages(components.images, dependencies.of(IMAGES), slots=slots, attempts=attempts),
        RetryingScores(components.scores, dependencies.of(STORE)),
        tags,
        components.tagger,
        metrics,
        tracer,
        now,
        limits.clock,
        template or StatementTemplate(),
        renditions=components.renditions,
    )
    entrances: dict[str, Entrance] = {
        topics.UPLOADED: Uploads(pipeline, naming or Naming(), rollouts=components.rollouts),
        topics.DECISIONS: Decisions(pipeline, rollouts=components.rollouts),
        topics.RESCORE: Rescore(pipeline, components.versions or OneVersion(components.tagger)),
    }
    alarms = alarms or RejectionAlarms(limits.rejections)
    errors = ErrorRouter(tags, alarms=alarms, deferrals=limits.deferrals, metrics=metrics, hide=hide)
    gaps = Gaps(tags, metrics, notice or GapNotice())
    return Dispatcher(entrances, alarms, errors, gaps, metrics, tracer)
