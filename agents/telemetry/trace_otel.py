"""OpenTelemetry tracer: spans through its SDK, sent by OTLP over HTTP from a thread of their own.

Nothing waits for the collector: spans wait in a bounded queue, and beyond its bound, or while the
collector refuses, they are lost (`agents.telemetry.trace_exporter`).
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass
from importlib import metadata
from typing import Final

import structlog
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_ON,
    ParentBased,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import Attributes

from agents.telemetry.attribute import Attribute
from agents.telemetry.settings import TracingSettings
from agents.telemetry.trace_exporter import PatientExporter
from schemas.errors import ConfigurationError

_PATH: Final = "/v1/traces"
_W3C: Final = TraceContextTextMapPropagator()
_HEADER: Final = "traceparent"
_GRACE: Final = 1.0
"""Seconds that the sending thread has to end once it was told to; it is a daemon."""


@dataclass(frozen=True, slots=True)
class OtelSpan:
    """One message's span."""

    span: trace.Span

    @property
    def traceparent(self) -> str | None:
        """For the headers of what goes out because of the message."""
        carrier: dict[str, str] = {}
        _W3C.inject(carrier, trace.set_span_in_context(self.span, Context()))
        return carrier.get(_HEADER)

    def note(self, name: str, value: Attribute) -> None:
        """Add an attribute."""
        self.span.set_attribute(name, value)


@dataclass(frozen=True, slots=True)
class OtelTracer:
    """Makes spans."""

    tracer: trace.Tracer

    def message(
        self, traceparent: str | None, name: str, attributes: Mapping[str, Attribute]
    ) -> AbstractContextManager[OtelSpan]:
        """A message's span; every log line in its block carries its ids."""
        return self._root(trace.SpanKind.CONSUMER, traceparent, name, attributes)

    def request(
        self, traceparent: str | None, name: str, attributes: Mapping[str, Attribute]
    ) -> AbstractContextManager[OtelSpan]:
        """A request's span; every log line in its block carries its ids."""
        return self._root(trace.SpanKind.SERVER, traceparent, name, attributes)

    @contextmanager
    def _root(
        self,
        kind: trace.SpanKind,
        traceparent: str | None,
        name: str,
        attributes: Mapping[str, Attribute],
    ) -> Iterator[OtelSpan]:
        parent = _W3C.extract({_HEADER: traceparent} if traceparent else {}, Context())
        span = self.tracer.start_span(name, parent, kind, attributes)
        ids = span.get_span_context()
        with (
            trace.use_span(span, end_on_exit=True),
            structlog.contextvars.bound_contextvars(
                trace_id=trace.format_trace_id(ids.trace_id), span_id=trace.format_span_id(ids.span_id)
            ),
        ):
            yield OtelSpan(span)

    def stage(self, name: str) -> AbstractContextManager[object]:
        """A span below the current one; nothing below one that is not kept, which spares half the cost."""
        ids = trace.get_current_span().get_span_context()
        if ids.is_valid and not ids.trace_flags.sampled:
            return nullcontext()
        return self.tracer.start_as_current_span(name)

    def link(self) -> trace.SpanContext | None:
        """The current span, where it is kept."""
        ids = trace.get_current_span().get_span_context()
        return ids if ids.is_valid and ids.trace_flags.sampled else None

    def batch(self, links: Sequence[trace.SpanContext | None]) -> AbstractContextManager[object]:
        """A trace of its own, kept when one of its images' is."""
        kept = [trace.Link(link) for link in links if link is not None]
        size = {"tagstream.batch.size": len(links)}
        return self.tracer.start_as_current_span("batch", Context(), attributes=size, links=kept)


class LinkedSampler(Sampler):
    """Keeps what is linked to a span that is kept, else a share."""

    def __init__(self, share: float) -> None:
        self._share = TraceIdRatioBased(share)

    def should_sample(  # noqa: PLR0913, PLR0917 - the SDK's signature
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: trace.SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[trace.Link] | None = None,
        trace_state: trace.TraceState | None = None,
    ) -> SamplingResult:
        """Whether the span is kept."""
        sampler = ALWAYS_ON if links else self._share
        return sampler.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)

    def get_description(self) -> str:
        """For whoever debugs the SDK."""
        return f"LinkedSampler({self._share.get_description()})"


@asynccontextmanager
async def open_otel_tracer(endpoint: str, settings: TracingSettings) -> AsyncIterator[OtelTracer]:
    """A tracer that sends to the collector at `endpoint`; at the end what waits is sent, within a limit.

    The SDK reads the standard names of the environment for the rest: OTEL_SERVICE_NAME,
    OTEL_RESOURCE_ATTRIBUTES, OTEL_EXPORTER_OTLP_HEADERS and the certificates.
    """
    sending = PatientExporter(
        OTLPSpanExporter(endpoint=_traces_url(endpoint), timeout=settings.timeout), endpoint
    )
    provider = TracerProvider(
        sampler=ParentBased(LinkedSampler(settings.sample)),
        resource=_resource(),
        shutdown_on_exit=False,
        span_limits=SpanLimits(max_links=SpanLimits.UNSET),  # a batch may be larger than the default, 128
    )
    provider.add_span_processor(BatchSpanProcessor(sending, max_queue_size=settings.queue))
    with sending.complaints.collected():
        try:
            yield OtelTracer(provider.get_tracer("tagstream", metadata.version("tagstream")))
        finally:
            await _flush(provider, sending, settings.flush_limit)


async def _flush(provider: TracerProvider, sending: PatientExporter, limit: float) -> None:
    flushing = threading.Thread(target=provider.shutdown, name="traces-flush", daemon=True)
    flushing.start()
    await asyncio.to_thread(flushing.join, limit)
    sending.shutdown()
    await asyncio.to_thread(flushing.join, _GRACE)


def _resource() -> Resource:
    """Who we are; what the environment says of it comes first."""
    ours = {
        "service.name": "tagstream",
        "service.version": metadata.version("tagstream"),
        "service.instance.id": f"{os.uname().nodename}-{os.getpid()}",
    }
    return Resource.create().merge(Resource(ours)).merge(OTELResourceDetector().detect())


def _traces_url(endpoint: str) -> str:
    """OTLP's rule: the endpoint is a base, and the signal's path comes behind it."""
    if not endpoint.startswith(("http://", "https://")):
        raise ConfigurationError(
            f"OTEL_EXPORTER_OTLP_ENDPOINT: {endpoint!r} is not the URL of a collector (OTLP over HTTP)"
        )
    base = endpoint.rstrip("/")
    return base if base.endswith(_PATH) else base + _PATH
