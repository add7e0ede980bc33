"""What a worker's parts are opened in: the app that they may stop, and what watches them."""

from __future__ import annotations

from dataclasses import dataclass

from agents.telemetry.metrics import Metrics
from agents.telemetry.observation import Observation
from agents.telemetry.tracing import Tracer
from streams.app import StreamApp
from streams.retry import Outages


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Made before the parts, and outlives them."""

    app: StreamApp
    outages: Outages
    metrics: Metrics
    observed: Observation
    tracer: Tracer
