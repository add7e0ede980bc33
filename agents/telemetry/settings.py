"""Settings of telemetry: logs, metrics with the probes, and traces."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from schemas.settings import Advanced, Section


class LogSettings(Section):
    """What the worker says."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="debug names every message"
    )
    format: Literal["console", "json"] = Field("console", description="json for machines")


class MetricsSettings(Section):
    """Where Prometheus and the probes read."""

    port: int | None = Field(
        None, ge=0, le=65_535, description="Port of /metrics, /livez and /readyz; 0 for a free one"
    )
    host: str = Field("127.0.0.1", description="Address that /metrics, /livez and /readyz listen on")
    silence: Advanced[float] = Field(
        30.0, gt=0, description="Seconds that the event loop may be blocked until /livez says so"
    )


class TracingSettings(Section):
    """Where OpenTelemetry's spans go."""

    endpoint: str | None = Field(
        None,
        pattern=r"^https?://[^/]+",
        description="OTLP over HTTP; OTEL_EXPORTER_OTLP_ENDPOINT if absent, no traces without either",
    )
    sample: float = Field(
        1.0, ge=0, le=1, description="Share of traces that are kept, where the producer has not decided"
    )
    queue: Advanced[int] = Field(
        4096, ge=512, description="Spans that wait to be sent; beyond it the oldest are lost"
    )
    timeout: Advanced[float] = Field(5.0, gt=0, description="Seconds that sending a batch of spans may take")
    flush_limit: Advanced[float] = Field(5.0, ge=0, description="Seconds at a stop to send what waits")
