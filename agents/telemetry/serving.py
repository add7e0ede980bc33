"""Metrics server: `/metrics`, `/livez` and `/readyz` from a thread, also while the loop is blocked."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from socket import AF_INET, AF_INET6
from socketserver import TCPServer, ThreadingMixIn
from typing import Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import structlog
from prometheus_client import CollectorRegistry, make_wsgi_app

from agents import listening
from agents.telemetry.health import Health, ProbeReport
from agents.telemetry.settings import MetricsSettings

log = structlog.get_logger(__name__)

_PATIENCE: Final = 10.0
"""Seconds that a client has to say what it wants; one that says nothing holds a thread."""
_POLL: Final = 0.05
"""Seconds until the server's thread sees that it is to end."""


@asynccontextmanager
async def serve(
    settings: MetricsSettings, registry: CollectorRegistry, health: Health
) -> AsyncIterator[str | None]:
    """Serve within the block, where a port is configured; yields the address.

    Raises:
        ConfigurationError: the port or the host cannot be listened on.
    """
    if settings.port is None:
        yield None
        return
    server = _listen(settings.host, settings.port)
    server.set_app(Probes(make_wsgi_app(registry), health))
    thread = threading.Thread(target=server.serve_forever, args=(_POLL,), name="http", daemon=True)
    thread.start()
    log.info("http.serving", address=server.address)
    try:
        yield server.address
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass(frozen=True, slots=True)
class Probes:
    """The WSGI application."""

    metrics: WSGIApplication
    health: Health

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        match environ["PATH_INFO"]:
            case "/metrics":
                return self.metrics(environ, start_response)
            case "/livez":
                return _say(self.health.livez, start_response)
            case "/readyz":
                return _say(self.health.readyz, start_response)
            case _:
                start_response("404 Not Found", [("Content-Type", "text/plain")])
                return [b"/metrics, /livez, /readyz\n"]


def _say(ask: Callable[[], ProbeReport], start_response: StartResponse) -> Iterable[bytes]:
    report = ask()
    status = "200 OK" if report.is_ok else "503 Service Unavailable"
    start_response(status, [("Content-Type", "application/json"), ("Cache-Control", "no-store")])
    return [report.as_json().encode() + b"\n"]


class _Quiet(WSGIRequestHandler):
    """Logs no request: a probe comes every few seconds."""

    timeout = _PATIENCE

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as it is named there
        """Nothing."""


class _Server(ThreadingMixIn, WSGIServer):
    """A thread a request, so that a slow reader holds up no probe."""

    daemon_threads = True
    block_on_close = False  # who still reads at the end is left to the process's exit

    def __init__(self, host: str, port: int) -> None:
        self.address_family = AF_INET6 if ":" in host else AF_INET
        super().__init__((host, port), _Quiet)

    def server_bind(self) -> None:
        """Bind without asking the name service for our own name, which may take seconds."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()

    @property
    def address(self) -> str:
        """Where it listens, as a URL."""
        return listening.url(self.server_name, self.server_port)


def _listen(host: str, port: int) -> _Server:
    try:
        return _Server(host, port)
    except OSError as error:
        raise listening.refused(error, "TAGSTREAM_METRICS", host, port) from error
