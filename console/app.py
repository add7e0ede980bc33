"""HTTP app: the routes, how they refuse, and the guards around them."""

from __future__ import annotations

from functools import cache
from typing import Any, Final, cast

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Match
from starlette.types import ASGIApp

from agents.telemetry.api_metrics import ApiMetrics
from agents.telemetry.tracing import NO_TRACER, Tracer
from console import api_page, openapi, problems
from console.api import (
    ambiance,
    batches,
    compat,
    decisions,
    erasures,
    image_list,
    images,
    inference_v2,
    predictions,
    thumbnails,
    uploads,
)
from console.body_guard import BodyGuard
from console.problems import Problem
from console.request_context import RequestContext
from console.service import ApiService
from console.validation import invalid
from schemas.errors import TagstreamError

log = structlog.get_logger(__name__)

_ROUTERS: Final = tuple(
    each.router
    for each in (
        *(predictions, compat, inference_v2, batches, uploads, image_list, images, decisions),
        *(thumbnails, erasures, ambiance),
    )
)

_ROUTES: Final = tuple(each for router in _ROUTERS for each in router.routes if isinstance(each, APIRoute))


def routes() -> FastAPI:
    """The routes alone, as the document of the API describes them."""
    # Its own pages of documentation load scripts of another host.
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    # A prefix that is given here would be in no route's own path.
    for each in _ROUTERS:
        app.include_router(each)

    @app.get("/openapi.json", include_in_schema=False)
    async def described() -> JSONResponse:
        return JSONResponse(openapi.document(app, _ROUTES))

    page = cache(lambda: api_page.rendered(openapi.document(app, _ROUTES)))

    @app.get("/docs", include_in_schema=False)
    async def shown() -> HTMLResponse:
        return HTMLResponse(page(), headers=api_page.headers())

    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(TagstreamError, _refused)
    app.add_exception_handler(RequestValidationError, _refused)
    return app


def api_document() -> dict[str, Any]:
    """The OpenAPI document; needs nothing but the code."""
    return openapi.document(routes(), _ROUTES)


def create_app(service: ApiService, metrics: ApiMetrics, *, tracer: Tracer = NO_TRACER) -> ASGIApp:
    """The app over `service`, which whoever made it closes."""
    app = routes()
    app.state.service = service
    # Within the app, since Starlette answers by itself what gets out of it. The last one is outermost.
    app.add_middleware(BodyGuard, limits=service.limits)
    app.add_middleware(RequestContext, refuse=_refusal, metrics=metrics, tracer=tracer)
    return app


async def _refused(request: Request, error: Exception) -> Response:
    problem = _problem(error)
    if problem.kind is problems.BAD_METHOD and (methods := _allowed(request)):
        problem.headers = {"Allow": ", ".join(sorted(methods))}
    if problem.kind is problems.INTERNAL:  # whoever asked is told nothing of it
        log.error("http.broken", method=request.method, exc_info=error)
    return _refusal(problem, request.url.path, request.state.request_id)


def _allowed(request: Request) -> set[str]:
    """The methods of all routes of the path; the framework names those of the first one alone."""
    here = [each for each in _ROUTES if each.matches(request.scope)[0] is not Match.NONE]
    return {method for each in here for method in each.methods or ()}


def _refusal(problem: Problem, path: str, request_id: str) -> Response:
    """As a problem document, and under /v2 as that protocol has it."""
    if path == inference_v2.PREFIX or path.startswith(f"{inference_v2.PREFIX}/"):
        return JSONResponse({"error": problem.detail}, problem.kind.status, problem.headers)
    return problems.response(problem, path=path, request_id=request_id)


def _problem(error: Exception) -> Problem:
    match error:
        case Problem():
            return error
        case HTTPException():
            return Problem.of_status(error)
        case RequestValidationError():
            return invalid(error.errors())
    return Problem.of(cast("TagstreamError", error))
