"""JSON bodies: read within a cap of their own, after the key was looked at, and validated field by field."""

from __future__ import annotations

from typing import Any, Final, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from console import forms, problems
from console.problems import Problem
from console.validation import invalid

JSON: Final = "application/json"
MOST_BYTES: Final = 2**20

Body = TypeVar("Body", bound=BaseModel)


async def read(request: Request, kind: type[Body]) -> Body:
    """The body; raises `Problem`. An empty one is `{}`, where nothing is required."""
    data = await _whole(request)
    if data and forms.media_type(request) != JSON:
        raise Problem(problems.UNSUPPORTED_BODY, f"send {JSON}")
    try:
        return kind.model_validate_json(data or b"{}")
    except ValidationError as error:
        raise invalid(error.errors(include_url=False, include_context=False, include_input=False)) from error


async def _whole(request: Request) -> bytes:
    """FastAPI would read it before anybody had asked for the key."""
    data = bytearray()
    async for piece in request.stream():
        data += piece
        if len(data) > MOST_BYTES:
            raise Problem(problems.TOO_LARGE, f"a body of {JSON} may have {MOST_BYTES:,} bytes here")
    return bytes(data)


def described(kind: type[BaseModel], *, is_required: bool = True) -> dict[str, Any]:
    """Of such a body, for the document of the API."""
    schema = {"$ref": f"#/components/schemas/{kind.__name__}"}
    return {"requestBody": {"required": is_required, "content": {JSON: {"schema": schema}}}}


def or_form(part: str, kind: type[BaseModel]) -> dict[str, Any]:
    """Of a form with that part, or such a body, for the document of the API."""
    found = described(kind)
    form = {
        "type": "object",
        "properties": {part: {"type": "string", "format": "binary"}},
        "required": [part],
        "additionalProperties": False,
    }
    found["requestBody"]["content"] |= {forms.MULTIPART: {"schema": form}}
    return found
