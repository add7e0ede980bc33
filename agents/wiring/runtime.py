"""Process runtime: what watches and traces a process that holds the model, and what ends it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from agents.telemetry.metrics import Metrics
from agents.telemetry.observation import Observation
from agents.telemetry.tracing import Tracer
from streams.resilience.retry import Dependencies


@dataclass(frozen=True, slots=True)
class ProcessRuntime:
    """Made before what it watches."""

    fail: Callable[[BaseException], None]
    """Ends the process: it must not go on."""
    dependencies: Dependencies
    metrics: Metrics
    observed: Observation
    tracer: Tracer

    def watch(self, task: asyncio.Task[None]) -> None:
        """The process must not go on where `task` raises."""
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.fail(error)
