"""API page: the OpenAPI document as one page of HTML, rendered here, without scripts or another host."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from markupsafe import Markup, escape

from console import schema_words
from model import templates

_FOLDER: Final = Path(__file__).parent / "templates"
_CODE: Final = re.compile(r"`([^`]+)`")


@dataclass(frozen=True, slots=True)
class FieldLine:
    """A parameter, or a field of a document."""

    name: str
    place: str
    """Where a parameter goes; empty of a field."""
    kind: Markup
    is_required: bool
    about: Markup


@dataclass(frozen=True, slots=True)
class AnswerLine:
    """A status, and what comes with it."""

    status: str
    about: Markup
    kind: Markup
    headers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BodyLine:
    """One media type that an operation takes."""

    media_type: str
    kind: Markup
    """A link to its schema; empty where the fields stand here."""
    fields: tuple[FieldLine, ...]


@dataclass(frozen=True, slots=True)
class OperationBlock:
    """One method of one path."""

    id: str
    group: str
    method: str
    path: str
    summary: str
    about: Markup
    scopes: tuple[str, ...]
    """Of which the key has one; empty where no key is asked for."""
    parameters: tuple[FieldLine, ...]
    bodies: tuple[BodyLine, ...]
    answers: tuple[AnswerLine, ...]


@dataclass(frozen=True, slots=True)
class SchemaBlock:
    """One document that is sent or answered."""

    id: str
    name: str
    about: Markup
    kind: Markup
    """Of one that has no fields."""
    fields: tuple[FieldLine, ...]


def rendered(document: Mapping[str, Any]) -> str:
    """The page of an OpenAPI document."""
    groups: dict[str, list[OperationBlock]] = {}
    for each in _operations(document):
        groups.setdefault(each.group, []).append(each)
    template = templates.environment(_FOLDER).get_template("api_page.html.j2")
    return template.render(
        title=document["info"]["title"],
        version=document["info"]["version"],
        about=_prose(document["info"].get("description", "")),
        style=_style(),
        groups=groups,
        schemas=list(_schemas(document)),
    )


def headers() -> Mapping[str, str]:
    """What lets a browser do nothing with the page but show it, in its own style."""
    digest = b64encode(sha256(_style().encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; frame-ancestors 'none'"
    return {"Content-Security-Policy": policy, "Cache-Control": "no-cache"}


@cache
def _style() -> Markup:
    """Read once: every answer's headers hold its digest."""
    return Markup((_FOLDER / "api_page.css").read_text(encoding="utf-8"))  # noqa: S704 - a file of ours


def _operations(document: Mapping[str, Any]) -> Iterator[OperationBlock]:
    for path, methods in document["paths"].items():
        for method, each in methods.items():
            yield OperationBlock(
                id=each["operationId"],
                group=each.get("tags", ["other"])[0],
                method=method.upper(),
                path=path,
                summary=each["summary"],
                about=_prose(each.get("description", "")),
                scopes=_scopes(each.get("security", ())),
                parameters=tuple(map(_parameter, each.get("parameters", ()))),
                bodies=tuple(_bodies(each.get("requestBody", {}).get("content", {}))),
                answers=tuple(_answer(status, said) for status, said in sorted(each["responses"].items())),
            )


def _scopes(security: Sequence[Mapping[str, Sequence[str]]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(scope for way in security for scopes in way.values() for scope in scopes))


def _parameter(said: Mapping[str, Any]) -> FieldLine:
    return FieldLine(
        name=said["name"],
        place=said["in"],
        kind=schema_words.of(said["schema"]),
        is_required=said.get("required", False),
        about=_prose(said.get("description", "")),
    )


def _bodies(content: Mapping[str, Any]) -> Iterator[BodyLine]:
    for media_type, said in content.items():
        schema = said.get("schema", {})
        fields = tuple(_fields(schema))
        yield BodyLine(media_type, Markup("") if fields else schema_words.of(schema), fields)


def _answer(status: str, said: Mapping[str, Any]) -> AnswerLine:
    schemas = [each["schema"] for each in said.get("content", {}).values() if each.get("schema")]
    kinds = Markup(" or ").join(map(schema_words.of, schemas))
    return AnswerLine(status, _prose(said["description"]), kinds, tuple(said.get("headers", ())))


def _schemas(document: Mapping[str, Any]) -> Iterator[SchemaBlock]:
    for name, schema in sorted(document["components"]["schemas"].items()):
        fields = tuple(_fields(schema))
        kind = Markup("") if fields else schema_words.of(schema)
        about = _prose(schema.get("description", ""))
        yield SchemaBlock(schema_words.reference(name), name, about, kind, fields)


def _fields(schema: Mapping[str, Any]) -> Iterator[FieldLine]:
    required = set(schema.get("required", ()))
    for name, said in schema.get("properties", {}).items():
        about = _prose(said.get("description", ""))
        yield FieldLine(name, "", schema_words.of(said), name in required, about)


def _prose(text: str) -> Markup:
    """Paragraphs, with what stands in backticks as code."""
    parts = (" ".join(each.split()) for each in text.split("\n\n"))
    return Markup("").join(Markup("<p>{}</p>").format(_with_code(each)) for each in parts if each)


def _with_code(text: str) -> Markup:
    """Every second part of what backticks divide is code; one that is left over stands as it is."""
    parts = _CODE.split(text)
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if place % 2 else escape(part)
        for place, part in enumerate(parts)
    )
