"""Runtime of a worker: the app that its components may stop, and what watches them."""

from __future__ import annotations

from dataclasses import dataclass

from agents.telemetry.metrics import Metrics
from agents.telemetry.observation import Observation
from agents.telemetry.tracing import Tracer
from streams.app import StreamApp
from streams.resilience.retry import Dependencies


@dataclass(frozen=True, slots=True)
class Runtime:
    """Made before the components, and outlives them."""

    app: StreamApp
    dependencies: Dependencies
    metrics: Metrics
    observed: Observation
    tracer: Tracer
