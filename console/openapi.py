"""OpenAPI document of the HTTP API: what FastAPI knows of the routes, and what it cannot know."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from console.api.batch_documents import BatchSubmission, Resumption
from console.api.decisions import DecisionsRequest
from console.api.inference_tensors import InferenceRequest
from console.api.predictions import PredictionRequest
from console.api.uploads import AnnouncementRequest
from console.problems import ProblemDocument
from console.service import scopes_of

VERSION: Final = "1"
"""Of the contract; an answer that loses a field, or a request that wants one more, is another one."""

_DESCRIPTION: Final = (
    "Tags photographs of restaurants. Every refusal is a problem document (RFC 9457), but under /v2, where "
    "the Open Inference Protocol has its own. Keys are made by `tagstream keys create`."
)
_UNREFERENCED: Final[tuple[type[BaseModel], ...]] = (
    ProblemDocument,
    PredictionRequest,
    InferenceRequest,
    BatchSubmission,
    Resumption,
    DecisionsRequest,
    AnnouncementRequest,
)
"""What routes read or answer by themselves."""

_SECURITY: Final = {
    "key": {"type": "http", "scheme": "bearer", "description": "An API key, `tsk_...`"},
    "keyAsUser": {
        "type": "http",
        "scheme": "basic",
        "description": "The key as the user's name, under /v1/compat alone",
    },
}


def document(app: FastAPI, routes: Iterable[APIRoute]) -> dict[str, Any]:
    """The whole of it; made once. `routes` are those that the app includes: it keeps them to itself."""
    if app.openapi_schema is None:
        made = get_openapi(
            title="Tagstream",
            version=VERSION,
            description=_DESCRIPTION,
            routes=app.routes,
            openapi_version="3.1.0",
        )
        _add_schemas(made)
        _drop_frameworks_own(made)
        _add_security(made, routes)
        app.openapi_schema = made
    return app.openapi_schema


def _add_schemas(made: dict[str, Any]) -> None:
    _, found = models_json_schema(
        [(model, "validation") for model in _UNREFERENCED], ref_template="#/components/schemas/{model}"
    )
    made.setdefault("components", {}).setdefault("schemas", {}).update(found["$defs"])


def _drop_frameworks_own(made: dict[str, Any]) -> None:
    """What FastAPI says of every route with a parameter, and no route of ours answers."""
    for name in ("HTTPValidationError", "ValidationError"):
        made["components"]["schemas"].pop(name, None)
    for methods in made["paths"].values():
        for operation in methods.values():
            if "HTTPValidationError" in str(operation["responses"].get("422")):
                del operation["responses"]["422"]


def _add_security(made: dict[str, Any], routes: Iterable[APIRoute]) -> None:
    """The scopes stand where OpenAPI 3.1 has the roles of a scheme; any one of them will do."""
    made["components"]["securitySchemes"] = dict(_SECURITY)
    for route in routes:
        if not (scopes := scopes_of(route)):
            continue
        schemes = _SECURITY if route.path.startswith("/v1/compat/") else ("key",)
        ways = [{scheme: [scope.value]} for scheme in schemes for scope in scopes]
        for method in route.methods or ():
            made["paths"][route.path_format][method.lower()]["security"] = ways
