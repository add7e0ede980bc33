"""Process runtime: what watches and traces a process that holds the model, and what ends it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from agents.telemetry.metrics import Metrics
from agents.telemetry.observation import Observation, observing
from agents.telemetry.tracing import Tracer, open_tracer
from agents.wiring.settings import Settings, blame
from streams.resilience.retry import Dependencies, Hooks

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ProcessRuntime:
    """Made before what it watches."""

    fail: Callable[[BaseException], None]
    """Ends the process: it must not go on."""
    dependencies: Dependencies
    metrics: Metrics
    observed: Observation
    tracer: Tracer

    async def opened(self, part: AbstractAsyncContextManager[T], setting: str, stack: AsyncExitStack) -> T:
        """`part`, open until `stack` closes, however long it is away; `setting` is blamed for a wrong one."""
        with blame(setting):
            return await self.dependencies.retry_until_available(lambda: stack.enter_async_context(part))

    def watch(self, task: asyncio.Task[None]) -> None:
        """The process must not go on where `task` raises."""
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.fail(error)


@asynccontextmanager
async def process_runtime(
    settings: Settings, fail: Callable[[BaseException], None], *, hooks: Hooks | None = None
) -> AsyncIterator[ProcessRuntime]:
    """Metrics, probes and traces within the block; raises `ConfigurationError`. `hooks` are the breakers'."""
    async with AsyncExitStack() as stack:
        metrics = Metrics()
        dependencies = Dependencies(settings.retry, settings.breaker, hooks=hooks)
        observed = await stack.enter_async_context(observing(settings.metrics, metrics, on_failure=fail))
        endpoint = settings.tracing.endpoint or settings.otel_endpoint
        tracer = await stack.enter_async_context(open_tracer(endpoint, settings.tracing))
        observed.dependencies(lambda: {name: state.is_away for name, state in dependencies.states().items()})
        yield ProcessRuntime(fail, dependencies, metrics, observed, tracer)
