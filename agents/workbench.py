"""What every handler works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from agents.letters import Letters
from agents.metrics import Metrics, Stopwatch
from agents.ports import Parts
from agents.scoring import Scorer
from agents.telling import Teller
from agents.tracing import NO_TRACER, Tracer
from streams.retry import Outages


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Workbench:
    """The parts, and the steps that handlers share over them."""

    parts: Parts
    outages: Outages
    scorer: Scorer
    teller: Teller
    letters: Letters
    metrics: Metrics
    tracer: Tracer = NO_TRACER
    now: Callable[[], datetime] = _utc_now

    def watch(self) -> Stopwatch:
        """Times and traces the stages of one image."""
        return Stopwatch(self.metrics, self.tracer)
