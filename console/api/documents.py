"""Documents that all routes share: how each of them may refuse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from console.problems import MEDIA_TYPE

MEANINGS: Final = {
    400: "The body cannot be read, or is not what this resource takes",
    401: "No key, or one that is unknown, revoked or expired",
    403: "The key lacks the scope, or the bucket is not on the allow-list",
    404: "There is no such model, version or alias",
    408: "The body comes too slowly",
    413: "The body is too large",
    415: "The body is of no accepted media type, or the bytes of no accepted image format",
    422: "A field is wrong, the object is gone, or the image cannot be decoded",
    429: "The key asks too often; see Retry-After",
    500: "The server failed; its log says how, by the request_id",
    503: "Too much is in hand, the deadline is over, or a dependency is away; see Retry-After",
}
"""What each status says, by it."""

_TOO_OFTEN: Final = 429

_TEXT: Final = {"type": "string"}
_RETRY: Final = {"Retry-After": {"description": "Seconds", "schema": {"type": "integer", "minimum": 1}}}
RATE_HEADERS: Final = {
    "RateLimit-Policy": {"description": "What the key may ask for, and in how many seconds", "schema": _TEXT},
    "RateLimit": {"description": "What of it is left", "schema": _TEXT},
}
_HEADERS: Final[dict[int, dict[str, Any]]] = {
    401: {"WWW-Authenticate": {"description": "How to show a key", "schema": _TEXT}},
    429: _RETRY | RATE_HEADERS,
    503: _RETRY,
}


def _refusal(status: int) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/ProblemDocument"}
    told = {"description": MEANINGS.get(status, ""), "content": {MEDIA_TYPE: {"schema": schema}}}
    return told | ({"headers": _HEADERS[status]} if status in _HEADERS else {})


REFUSALS: Final[dict[int | str, dict[str, Any]]] = {status: _refusal(status) for status in MEANINGS}
"""By status, as the document of the API has them."""


def refusal(status: int, meaning: str) -> dict[str, Any]:
    """One with a meaning of its own."""
    return _refusal(status) | {"description": meaning}


def unbounded(told: Mapping[int, str]) -> dict[int | str, dict[str, Any]]:
    """The refusals of a route that no rate bounds, some of them with a meaning of its own."""
    common = {status: each for status, each in REFUSALS.items() if status != _TOO_OFTEN}
    return common | {status: refusal(status, meaning) for status, meaning in told.items()}


ANSWERED: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "What the model says", "headers": RATE_HEADERS}
}
"""A prediction."""
