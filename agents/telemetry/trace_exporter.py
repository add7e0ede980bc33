"""Span exporter to a collector that may be away: logs once when it goes, and once when it is back."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import structlog
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

log = structlog.get_logger(__name__)

_SDK: Final = "opentelemetry"
_EXPORTERS: Final = "opentelemetry.exporter"


class Complaints(logging.Handler):
    """What the exporter complained of first.

    The SDK logs each try that fails and each span that it drops; all of that comes here, and goes no further.
    """

    def __init__(self) -> None:
        super().__init__()
        self.first: str | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it, if it is the first and says why."""
        if self.first is None and record.name.startswith(_EXPORTERS):
            self.first = record.getMessage()

    @contextmanager
    def collected(self) -> Iterator[None]:
        """Take the SDK's lines within the block."""
        logger = logging.getLogger(_SDK)
        logger.addHandler(self)
        logger.propagate = False
        try:
            yield
        finally:
            logger.propagate = True
            logger.removeHandler(self)


class PatientExporter(SpanExporter):
    """Sends by `exporter`; spans that the collector does not take are lost, and counted."""

    def __init__(self, exporter: SpanExporter, endpoint: str) -> None:
        self.complaints = Complaints()
        self._exporter = exporter
        self._endpoint = endpoint
        self._lost = 0
        self._closed = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send the spans. In the SDK's thread."""
        result = SpanExportResult.FAILURE if self._closed else self._exporter.export(spans)
        if result is SpanExportResult.SUCCESS:
            self._taken()
        else:
            self._refused(len(spans))
        return result

    def shutdown(self) -> None:
        """Try nothing any more; also from another thread, while an export waits for its next try."""
        if not self._closed:
            self._closed = True
            self._exporter.shutdown()

    def _refused(self, count: int) -> None:
        if not self._lost:
            log.warning("collector.away", endpoint=self._endpoint, cause=self.complaints.first)
        self._lost += count

    def _taken(self) -> None:
        if self._lost:
            log.warning("collector.back", endpoint=self._endpoint, lost_spans=self._lost)
        self._lost = 0
        self.complaints.first = None
