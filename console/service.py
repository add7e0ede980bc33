"""What the routes share, and how each of them gets it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, cast

from fastapi import Depends, Request, Response
from fastapi.routing import APIRoute

from console.identity import Identity
from console.validation import refuse_unmeant_parameters
from operations.decision_desk import DecisionDesk
from operations.erasure_desk import ErasureDesk
from operations.model_choice import ModelChoice
from operations.predict import Predictor
from operations.receive import Reception
from operations.thumbnails import Thumbnails
from schemas.api_keys import ApiKey, Scope
from schemas.api_settings import ApiSettings
from schemas.tags import ModelRef
from streams.ports import ObjectFiles, WholeStore


@dataclass(frozen=True, slots=True)
class ServedModel:
    """The version that answers who asks for none."""

    ref: ModelRef
    labels: tuple[str, ...]
    input_side: int
    """Pixels of each side of what it is fed."""


@dataclass(frozen=True, slots=True)
class ApiService:
    """Made before the routes, and outlives them."""

    limits: ApiSettings
    identity: Identity
    predictor: Predictor
    choice: ModelChoice
    serving: Callable[[], ServedModel]
    is_ready: Callable[[], bool]
    store: WholeStore
    decisions: DecisionDesk
    reception: Reception
    files: ObjectFiles
    thumbnails: Thumbnails
    erasures: ErasureDesk


def service_of(request: Request) -> ApiService:
    """The app's."""
    return cast("ApiService", request.app.state.service)


Service = Annotated[ApiService, Depends(service_of)]


@dataclass(frozen=True, slots=True)
class AuthorizedCaller:
    """Who asks, and what he may still ask for."""

    key: ApiKey
    identity: Identity
    response: Response

    def spend(self, photographs: int) -> None:
        """Take so many out of the key's rate; raises `Problem`."""
        self.response.headers.update(self.identity.spend(self.key, photographs))


def caller_with(
    *scopes: Scope, basic: bool = False, is_strict: bool = False
) -> Callable[..., Awaitable[AuthorizedCaller]]:
    """A dependency: whose key it is, which has one of the scopes; before the body is read.

    A strict route refuses parameters of the query that it does not know, and repeated ones.
    """

    async def caller(request: Request, response: Response, service: Service) -> AuthorizedCaller:
        shown = request.headers.get("authorization")
        key = await service.identity.caller(shown, *scopes, basic=basic)
        if is_strict:
            refuse_unmeant_parameters(request)
        return AuthorizedCaller(key, service.identity, response)

    cast("Any", caller).scopes = scopes
    return caller


def scopes_of(route: APIRoute) -> tuple[Scope, ...]:
    """Of which a key has to have one; none of a route that asks for no key."""
    found = (getattr(each.call, "scopes", ()) for each in route.dependant.dependencies)
    return tuple(scope for scopes in found for scope in scopes)
