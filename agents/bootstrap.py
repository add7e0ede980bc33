"""The wiring of the program, in one place: settings and parts in, a Faust app out."""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

from prometheus_client import start_http_server

from agents.metrics import Metrics
from agents.pipeline import Parts, Pipeline
from agents.settings import Settings
from streams.app import Lifespan, StreamApp, StreamSettings
from streams.inflight import WindowLimits
from streams.message import Handler
from streams.retry import Outages, Patience

AGENTS: Final = ("agents.tagging",)
"""The agent modules, one by one: Faust's scan of a package drops in silence what fails to import."""

OpenParts = Callable[[Settings, StreamApp, Outages], AbstractAsyncContextManager[Parts]]
"""Opens what the straight path uses, and outlasts what is away. The real one: `agents.parts.real_parts`."""


def create_app(settings: Settings, open_parts: OpenParts) -> StreamApp:
    """A worker's app over the parts that `open_parts` opens at its start."""
    app = StreamApp(_stream_settings(settings), _lifespan(settings, open_parts))
    for module in AGENTS:
        importlib.import_module(module).attach(app)
    return app


def _lifespan(settings: Settings, open_parts: OpenParts) -> Lifespan:
    @asynccontextmanager
    async def lifespan(app: StreamApp) -> AsyncIterator[Handler]:
        metrics = Metrics()
        outages = Outages(Patience(settings.retry.first, settings.retry.longest), on_wait=app.touch)
        async with open_parts(settings, app, outages) as parts, _serve(metrics, settings):
            await _all_there(parts, outages)
            yield Pipeline(parts, outages, loading=settings.decode.loading, metrics=metrics).handle

    return lifespan


async def _all_there(parts: Parts, outages: Outages) -> None:
    """Wait until broker, store and images answer: a worker that cannot work joins no group."""
    for part in (parts.tags, parts.scores, parts.images):
        await outages.outlast(part.ping)


@asynccontextmanager
async def _serve(metrics: Metrics, settings: Settings) -> AsyncIterator[None]:
    """`/metrics`, where a port is configured."""
    if settings.metrics.port is None:
        yield
        return
    server, thread = start_http_server(
        settings.metrics.port, addr=settings.metrics.host, registry=metrics.registry
    )
    try:
        yield
    finally:
        server.shutdown()
        thread.join()


def _stream_settings(settings: Settings) -> StreamSettings:
    kafka, window = settings.kafka, settings.window
    return StreamSettings(
        brokers=kafka.brokers,
        group=kafka.group,
        window=WindowLimits(window.concurrency, window.span, window.stall),
        drain_limit=kafka.drain_limit,
        commit_interval=kafka.commit_interval,
        session_timeout=kafka.session_timeout,
        buffer=kafka.buffer,
    )
