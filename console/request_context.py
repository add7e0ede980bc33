"""Request context (ASGI middleware): request id, trace, metrics, and the answer to what nobody foresaw."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Final

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agents.telemetry.api_metrics import ApiMetrics
from agents.telemetry.tracing import Tracer
from console import problems
from console.problems import Problem

Refuse = Callable[[Problem, str, str], Response]
"""The answer to a problem, by the path that was asked for and the request's id."""

log = structlog.get_logger(__name__)

ID_HEADER: Final = "X-Request-ID"
_ID: Final = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")
UNROUTED: Final = "none"
"""The route of what is no route: paths that callers make up are no labels of a metric."""


class RequestContext:
    """Outermost of all."""

    def __init__(self, app: ASGIApp, *, refuse: Refuse, metrics: ApiMetrics, tracer: Tracer) -> None:
        self._app = app
        self._refuse = refuse
        self._metrics = metrics
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        request_id = _request_id(headers)
        scope.setdefault("state", {})["request_id"] = request_id
        attributes = {
            "http.request.method": scope["method"],
            "url.path": scope["path"],
            "request.id": request_id,
        }
        began, answer = time.perf_counter(), _Answer(send, request_id)
        with (
            structlog.contextvars.bound_contextvars(request_id=request_id),
            self._tracer.request(headers.get("traceparent"), scope["method"], attributes) as span,
        ):
            answer.traceparent = span.traceparent
            await self._answered(scope, receive, answer)
            span.note("http.route", _route(scope))
            span.note("http.response.status_code", answer.status)
        self._metrics.answered(_route(scope), answer.status, time.perf_counter() - began)

    async def _answered(self, scope: Scope, receive: Receive, answer: _Answer) -> None:
        try:
            await self._app(scope, receive, answer.send)
        except ClientDisconnect:  # nobody is there to be told
            log.info("http.gone_away", method=scope["method"], route=_route(scope))
        except Exception:
            log.exception("http.failed", method=scope["method"], route=_route(scope))
            if answer.status:  # a part of it is on its way: only breaking it off says that it is not whole
                raise
            problem = Problem(problems.INTERNAL, problems.SEE_LOG)
            told = self._refuse(problem, scope["path"], answer.request_id)
            await told(scope, receive, answer.send)


class _Answer:
    """One answer on its way out."""

    def __init__(self, send: Send, request_id: str) -> None:
        self.request_id = request_id
        self.traceparent: str | None = None
        self.status = 0
        """0 until it has begun."""
        self._send = send

    async def send(self, message: Message) -> None:
        """Pass it on with the headers of all answers."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in self._headers().items():
                headers[name] = value
            headers.setdefault("Cache-Control", "no-store")  # unless a route knows better
        await self._send(message)

    def _headers(self) -> Mapping[str, str]:
        known = {ID_HEADER: self.request_id, "X-Content-Type-Options": "nosniff"}
        return known | ({"traceparent": self.traceparent} if self.traceparent else {})


def _request_id(headers: Headers) -> str:
    given = headers.get(ID_HEADER, "")
    return given if _ID.fullmatch(given) else f"req_{uuid.uuid4().hex}"


def _route(scope: Scope) -> str:
    route = scope.get("route")
    return getattr(route, "path", UNROUTED)
