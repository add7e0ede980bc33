"""Metrics of the HTTP API: answers by route and status, how long they took, photographs in hand, rows."""

from __future__ import annotations

from collections.abc import Mapping

from agents.telemetry.instruments import Instruments


class ApiMetrics:
    """For `tagstream serve`; a worker has none to count."""

    def __init__(self, make: Instruments) -> None:
        self._answers = make.counter(
            "tagstream_http_answers", "Answers of the HTTP API by route and status", ["route", "status"]
        )
        self._seconds = make.histogram(
            "tagstream_http_seconds", "Time from a request's head to the end of its answer", ["route"]
        )
        self._in_hand = make.gauge(
            "tagstream_predictions_in_hand", "Photographs of predictions that are worked on or wait"
        )
        self._limit = make.gauge(
            "tagstream_predictions_limit",
            "How many are answered in time at the present pace; beyond it is 503",
        )

        self._rows = make.counter(
            "tagstream_batch_rows", "Rows of batch jobs by the code of their error, or `ok`", ["outcome"]
        )

    def counted(self, rows: int, errors: Mapping[str, int]) -> None:
        """A chunk of a batch job is done: so many rows, of which those have an error."""
        self._rows.labels("ok").inc(rows - sum(errors.values()))
        for code, count in errors.items():
            self._rows.labels(code).inc(count)

    def answered(self, route: str, status: int, seconds: float) -> None:
        """One answer; a status of 0 is a caller who went away before there was one."""
        self._answers.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def update(self, in_hand: int, limit: int) -> None:
        """Show how full it is."""
        self._in_hand.set(in_hand)
        self._limit.set(limit)
