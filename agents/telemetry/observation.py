"""Observation: wires every metric and check of a worker to its source, one line each.

Everything registered here is looked at on the event loop, once a beat (`agents.telemetry.heartbeat`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.telemetry.health import Health
from agents.telemetry.heartbeat import Pulse
from agents.telemetry.metrics import Metrics
from agents.telemetry.serving import serve
from agents.telemetry.settings import MetricsSettings
from streams.adapters.s3.budget import ByteSemaphore
from streams.inflight import InFlight, Partition

if TYPE_CHECKING:  # the wiring runs without the model, and a server without Faust
    from model.serving.statistics import BatchStatistics
    from streams.app import StreamApp


@asynccontextmanager
async def observing(
    settings: MetricsSettings, metrics: Metrics, *, on_failure: Callable[[BaseException], None]
) -> AsyncIterator[Observation]:
    """Beat and serve within the block; `on_failure` is told of a bug in what is looked at.

    Raises:
        ConfigurationError: the port or the host cannot be listened on.
    """
    pulse = Pulse()
    health = Health(pulse, silence=settings.silence)
    async with serve(settings, metrics.registry, health), pulse.running(on_failure):
        yield Observation(metrics, pulse, health)


@dataclass(frozen=True, slots=True)
class Observation:
    """Registers what there is to look at, as it comes to be."""

    metrics: Metrics
    pulse: Pulse
    health: Health

    def app(self, app: StreamApp) -> None:
        """The window, the group and the end of `app`, which need not have started."""
        self.health.live("window", lambda: _failed(app.window))
        self.health.ready("group", lambda: _apart(app))
        self.health.ready("running", lambda: "stopping" if app.should_stop else None)
        self.pulse.each(lambda: self._window(app.window))

    def model(self, is_warm: Callable[[], bool]) -> None:
        """The resident model: not ready until it is warm."""
        self.health.ready("model", lambda: None if is_warm() else "not warm yet")

    def following(self, complaint: Callable[[], str | None]) -> None:
        """The alias that the model follows: a version that is refused stops nothing, and people must know."""
        self.health.note("model", complaint)

    def batcher(self, statistics: Callable[[], BatchStatistics], *, intake: int) -> None:
        """The micro-batcher: the worker is of no use without it."""
        self.health.live("batcher", lambda: "the batcher is dead" if statistics().dead else None)
        self.pulse.each(lambda: self.metrics.batcher.update(statistics(), intake=intake))

    def dependencies(self, away: Callable[[], Mapping[str, bool]]) -> None:
        """The dependencies by name, and whether each is away."""
        self.health.ready("dependencies", lambda: _missing(away()))
        self.pulse.each(lambda: self.metrics.away.update(away()))

    def stopping(self, is_stopping: Callable[[], bool]) -> None:
        """A server that ends: not ready, so that nobody new is sent there."""
        self.health.ready("running", lambda: "stopping" if is_stopping() else None)

    def predictions(self, levels: Callable[[], tuple[int, int]]) -> None:
        """Photographs that somebody waits for, and how many may be."""
        self.pulse.each(lambda: self.metrics.api.update(*levels()))

    def alarms(self, causes: Callable[[], Iterable[str]]) -> None:
        """The causes whose rejection alarm is on: the stream flows, and a person should look."""
        self.health.note("rejection alarm", lambda: _suspected(causes()))
        self.pulse.each(lambda: self.metrics.alarms.update(dict.fromkeys(causes(), True)))

    def gaps(self, complaint: Callable[[], str | None]) -> None:
        """Records that nobody can read any more; told for a while."""
        self.health.ready("gaps", complaint)

    def coverage(self, complaint: Callable[[], str | None]) -> None:
        """The topics and partitions that nobody reads."""
        self.health.ready("partitions", complaint)

    def budget(self, budget: ByteSemaphore) -> None:
        """The bytes of objects being read."""
        self.pulse.each(lambda: self.metrics.loading.update(budget))

    def lag(self, lags: Callable[[], Mapping[Partition, int]]) -> None:
        """How far the commits are behind, by partition."""
        self.pulse.each(lambda: self.metrics.lag.update(lags()))

    def _window(self, window: InFlight | None) -> None:
        if window is not None:
            self.metrics.window.update(window.statistics(), window.limits)


def _failed(window: InFlight | None) -> str | None:
    return repr(window.failure) if window is not None and window.failure is not None else None


def _apart(app: StreamApp) -> str | None:
    if app.consumer_generation_id <= 0:  # the broker's first generation is 1
        return "not in the consumer group yet"
    return "a rebalance is under way" if app.rebalancing else None


def _suspected(causes: Iterable[str]) -> str | None:
    names = ", ".join(sorted(causes))
    return (
        f"too many are rejected, and held aside: {names}; `tagstream doctor` says what to do"
        if names
        else None
    )


def _missing(away: Mapping[str, bool]) -> str | None:
    names = sorted(name for name, is_away in away.items() if is_away)
    return f"away: {', '.join(names)}" if names else None
