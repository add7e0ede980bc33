"""The page of the HTTP API: all of the OpenAPI document, in words, with nothing of another host."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from html import unescape
from http import HTTPStatus
from typing import Any

import pytest

from console import api_page, schema_words
from console.app import api_document
from tests.unit.console_rig import Rig

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return api_document()


@pytest.fixture(scope="module")
def page(document: dict[str, Any]) -> str:
    return api_page.rendered(document)


def operations(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [each for methods in document["paths"].values() for each in methods.values()]


def test_every_operation_and_document_has_a_place(document: dict[str, Any], page: str) -> None:
    ids = re.findall(r'id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert {each["operationId"] for each in operations(document)} <= set(ids)
    assert {schema_words.reference(name) for name in document["components"]["schemas"]} <= set(ids)


def test_every_parameter_field_status_and_description_is_shown(document: dict[str, Any], page: str) -> None:
    text = " ".join(unescape(re.sub(r"<[^>]+>", "", page)).split())
    for each in operations(document):
        for parameter in each.get("parameters", ()):
            assert f"<code>{parameter['name']}</code>" in page
        for status, answer in each["responses"].items():
            assert f"<code>{status}</code>" in page
            assert " ".join(answer["description"].replace("`", "").split()) in text
    for schema in document["components"]["schemas"].values():
        for name in schema.get("properties", ()):
            assert f"<code>{name}</code>" in page


def test_every_link_leads_to_a_place_of_the_page_or_to_the_document(page: str) -> None:
    targets = set(re.findall(r'href="([^"]+)"', page))
    ids = set(re.findall(r'id="([^"]+)"', page))
    assert targets - {f"#{each}" for each in ids} == {"openapi.json"}


def test_nothing_comes_from_another_host_and_nothing_runs(page: str) -> None:
    assert not re.search(r"<(script|img|link|iframe|form)\b|\bsrc=|@import|url\(|\bon\w+=", page)


def scopes_told(page: str, operation: str) -> list[str]:
    """The scopes that the block of the operation names; any of them will do."""
    (block,) = re.findall(rf'<article id="{operation}">(.*?)</article>', page, re.DOTALL)
    (line,) = re.findall(r'<p class="soft">(.*?)</p>', block)
    scopes = re.findall(r"<code>([^<]+)</code>", line)
    assert bool(scopes) is not (line == "Without a key")
    return list(scopes)


def test_every_operation_says_which_scope_its_key_needs(document: dict[str, Any], page: str) -> None:
    for each in operations(document):
        ways = [scope for way in each.get("security", ()) for scopes in way.values() for scope in scopes]
        assert scopes_told(page, each["operationId"]) == list(dict.fromkeys(ways))
    assert scopes_told(page, "predict") == ["predict"]
    assert scopes_told(page, "getAmbiance") == ["images:read", "operate"]
    assert scopes_told(page, "eraseImage") == ["admin"]


async def test_only_the_protocols_own_state_is_told_without_a_key(document: dict[str, Any]) -> None:
    """As the document says it, and as the server does it."""
    async with Rig().client(None) as client:
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                answer = await client.request(method, re.sub(r"\{\w+\}", "x", path))
                assert (answer.status_code == HTTPStatus.UNAUTHORIZED) is bool(operation.get("security"))
    is_open = {path for path, methods in document["paths"].items() if "security" not in str(methods)}
    assert is_open == {"/v2", "/v2/health/live", "/v2/health/ready"}


async def test_it_is_served_without_a_key_and_may_do_nothing_but_be_shown(page: str) -> None:
    async with Rig().client(None) as client:
        answer = await client.get("/docs")
    assert (answer.status_code, answer.text) == (HTTPStatus.OK, page)
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = answer.headers["Content-Security-Policy"].split("; ")
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    digest = b64encode(sha256(style.encode()).digest()).decode()
    assert policy == [
        "default-src 'none'",
        f"style-src 'sha256-{digest}'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
    assert "style=" not in page


def test_what_a_description_says_is_text() -> None:
    hostile = {
        "info": {"title": HOSTILE, "version": HOSTILE, "description": f"{HOSTILE} `{HOSTILE}`"},
        "paths": {
            f"/{HOSTILE}": {
                "get": {
                    "operationId": "a",
                    "summary": HOSTILE,
                    "description": HOSTILE,
                    "parameters": [{"name": HOSTILE, "in": HOSTILE, "schema": {"enum": [HOSTILE]}}],
                    "responses": {"200": {"description": HOSTILE}},
                }
            }
        },
        "components": {"schemas": {HOSTILE: {"type": "string", "default": HOSTILE}}},
    }
    assert HOSTILE not in api_page.rendered(hostile)


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "integer", "minimum": 1, "maximum": 9}, "integer (1 to 9)"),
        ({"type": "array", "items": {}, "minItems": 2}, "list of anything (at least 2 of them)"),
        ({"type": "number", "minimum": 0.5, "exclusiveMaximum": 1}, "number (at least 0.5, below 1)"),
        ({"type": "integer", "default": 50}, "integer; 50 if absent"),
        ({"type": "boolean", "default": False}, "boolean; false if absent"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "string or null"),
        ({"type": "string", "maxLength": 1024}, "string (at most 1,024 characters)"),
        ({"type": "array", "items": {"$ref": "#/components/schemas/Tag"}}, "list of Tag"),
        ({"type": "array"}, "list of anything"),
        ({"type": "object", "additionalProperties": {"type": "number"}}, "object of number"),
        ({"type": "object", "additionalProperties": False}, "object"),
        ({"enum": ["csv", "json"]}, "csv or json"),
        ({"const": 1}, "1"),
        ({"type": "string", "format": "date-time"}, "time (RFC 3339)"),
        ({"type": "string", "contentMediaType": "image/jpeg"}, "image/jpeg"),
        ({}, "anything"),
    ],
)  # fmt: skip
def test_a_type_is_one_line(schema: dict[str, Any], said: str) -> None:
    assert unescape(re.sub(r"<[^>]+>", "", schema_words.of(schema))) == said
