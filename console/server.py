"""HTTP server: one process, from its settings to an exit code; what is in hand at a stop is answered.

uvicorn serves; the signals are ours, since it raises again what it has caught, and an orderly stop exits with
0.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import structlog
import uvicorn

from agents import listening
from agents.wiring.runtime import process_runtime
from agents.wiring.settings import Settings
from console.app import create_app
from console.opened_service import opened_service
from model.serving import allocator
from schemas.api_settings import ApiSettings

log = structlog.get_logger(__name__)

BACKLOG: Final = 1_024
MOST_CONNECTIONS: Final = 900
"""Open at once; beyond it uvicorn answers 503 by itself. A process may have some thousand files open."""

KEEP_ALIVE: Final = 30
"""Seconds for which a connection without a request stays."""

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class _Uvicorn(uvicorn.Server):
    """Without signal handlers of its own."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """None."""
        yield


async def serve(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM, and until all that was in hand is answered.

    Raises `ConfigurationError`, and what the process must not go on after: `Broken`.
    """
    allocator.hold_little()
    logging.getLogger("uvicorn").setLevel(logging.WARNING)  # its chatter is none of ours
    ending = _Ending()
    with ending.broken_off(), _listening(settings.api) as listener:
        async with (
            process_runtime(settings, ending.fail) as runtime,
            ending.signalled(),
            opened_service(settings, runtime) as service,
        ):
            runtime.observed.stopping(lambda: ending.is_due)
            app = create_app(service, runtime.metrics.api, tracer=runtime.tracer)
            ending.server = _Uvicorn(_config(app, settings.api))
            listener.listen(BACKLOG)  # whoever calls once it is said waits, and is not refused
            runtime.observed.pulse.beat()  # it is ready when it says so, and not a second later
            log.info("api.serving", address=_address(listener))
            await ending.server.serve([listener])
    ending.raise_failure()


class _Ending:
    """What ends the process: a signal, or a failure."""

    def __init__(self) -> None:
        self.server: uvicorn.Server | None = None
        self.is_due = False
        self._failure: BaseException | None = None
        self._waiting: asyncio.Task[object] | None = None

    def fail(self, error: BaseException) -> None:
        """It must not go on."""
        self._failure = self._failure or error
        self.end()

    def end(self) -> None:
        """Answer what is in hand, and end; before anything is served, break off."""
        self.is_due = True
        if self.server is not None:
            self.server.should_exit = True
        elif self._waiting is not None:
            self._waiting.cancel()

    @contextmanager
    def broken_off(self) -> Iterator[None]:
        """A stop while the block still opens what it serves is an orderly one."""
        try:
            yield
        except asyncio.CancelledError:
            if self._waiting is None or not self.is_due:
                raise
            self._waiting.uncancel()

    @asynccontextmanager
    async def signalled(self) -> AsyncIterator[None]:
        """Signals end it within the block."""
        loop, self._waiting = asyncio.get_running_loop(), asyncio.current_task()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self.end)
        try:
            yield
        finally:
            for number in _SIGNALS:
                loop.remove_signal_handler(number)

    def raise_failure(self) -> None:
        """The one that has ended it, if any."""
        if self._failure is not None:
            raise self._failure


def _config(app: object, limits: ApiSettings) -> uvicorn.Config:
    return uvicorn.Config(
        app,  # type: ignore[arg-type]  # an ASGI app
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=BACKLOG,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=int(limits.stop_limit),
    )


@contextmanager
def _listening(limits: ApiSettings) -> Iterator[socket.socket]:
    """Bound before the model is loaded: a wrong port is said at once. Nobody is accepted yet."""
    family = socket.AF_INET6 if ":" in limits.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((limits.host, limits.port))
        except OSError as error:
            raise listening.refused(error, "TAGSTREAM_API", limits.host, limits.port) from error
        yield listener


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return listening.url(host, port)
