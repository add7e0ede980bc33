"""A change of the HTTP API's document must not break whoever calls."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest

from console.app import api_document
from schemas.contract.api_compatibility import api_breaks

DOCUMENT: Final = api_document()
FIRST: Final = Path(__file__).parents[1] / "corpus" / "schemas" / "openapi-v1.json"
PREDICT: Final = ("paths", "/v1/predictions", "post")
SCHEMAS: Final = ("components", "schemas")


def changed(*path: str, to: object = None) -> dict[str, Any]:
    """The document with another value at `path`; None takes it away."""
    new: dict[str, Any] = json.loads(json.dumps(DOCUMENT))
    holder = new
    for name in path[:-1]:
        holder = holder[name]
    if to is None:
        del holder[path[-1]]
    else:
        holder[path[-1]] = to
    return new


def test_what_the_first_version_promised_is_kept() -> None:
    assert api_breaks(json.loads(FIRST.read_text()), DOCUMENT) == ()


@pytest.mark.parametrize(
    ("new", "said"),
    [
        (changed("paths", "/v2"), "GET /v2: removed"),
        (changed(*PREDICT, "parameters", to=[]), "parameter model removed"),
        (
            changed(*PREDICT, "parameters", to=[{"name": "page", "required": True, "schema": {}}]),
            "parameter page newly required",
        ),
        (changed(*PREDICT, "requestBody", "content", "multipart/form-data"), "takes no multipart/form-data"),
        (changed(*PREDICT, "responses", "200"), "answers no 200 any more"),
        (changed(*SCHEMAS, "TimingDocument", "properties", "queue_ms"), "TimingDocument.queue_ms: removed"),
        (
            changed(*SCHEMAS, "ObjectLocation", "required", to=["bucket", "key", "version"]),
            "ObjectLocation.version: newly required",
        ),
        (
            changed(*SCHEMAS, "ObjectLocation", "properties", "key", "maxLength", to=9),
            "ObjectLocation.key: maxLength 1024 became 9",
        ),
        (
            changed(*SCHEMAS, "State", "enum", to=["visible", "deleted"]),
            "GET /v1/images: parameter state: no longer accepts ['hidden']",
        ),
    ],
)
def test_what_breaks_callers_is_named(new: dict[str, Any], said: str) -> None:
    assert any(said in each for each in api_breaks(DOCUMENT, new))


@pytest.mark.parametrize(
    "new",
    [
        DOCUMENT,
        changed("paths", "/v1/thumbnails", to={"post": {"responses": {"202": {}}}}),
        changed(*SCHEMAS, "TimingDocument", "properties", "fetch_ms", to={"type": "number"}),
        changed(*SCHEMAS, "ServerDocument", "required", to=["name", "version", "extensions", "build"]),
        changed(*SCHEMAS, "ObjectLocation", "properties", "etag", to={"type": "string"}),
    ],
)
def test_what_is_added_breaks_nobody(new: dict[str, Any]) -> None:
    assert api_breaks(DOCUMENT, new) == ()
