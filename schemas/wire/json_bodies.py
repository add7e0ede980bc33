"""JSON parser and validator for what anybody may have sent; says in one short line what is wrong."""

from __future__ import annotations

from typing import Final, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from schemas.errors import Malformed

_SAID: Final = 5
"""Wrong fields that are named; a hostile event has a hundred thousand."""
_NAME: Final = 100

_Model = TypeVar("_Model", bound=BaseModel)


def parsed(raw: bytes | None) -> object:
    """The JSON value that `raw` is; raises `Malformed`."""
    if not raw:
        raise Malformed("the message is empty")
    try:
        return from_json(raw, allow_inf_nan=False)
    except ValueError as error:
        raise Malformed(f"not JSON: {error}") from error


def as_object(value: object) -> dict[str, object]:
    """`value`, which is a JSON object; raises `Malformed`."""
    if not isinstance(value, dict):
        raise Malformed(f"a JSON {type(value).__name__}, not an object")
    return value


def validated(model: type[_Model], document: object) -> _Model:
    """`document` as a `model`; raises `Malformed` with the wrong fields by name."""
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise Malformed(_in_words(error)) from error


def _in_words(error: ValidationError) -> str:
    """Each wrong field and what is wrong with it, in one line, without the values (they may be long)."""
    wrong = error.errors(include_url=False, include_context=False, include_input=False)
    lines = [f"{_name(e['loc'])}: {e['msg']}" for e in wrong[:_SAID]]
    more = [f"and {len(wrong) - _SAID} more"] if len(wrong) > _SAID else []
    return "; ".join(lines + more)


def _name(path: tuple[int | str, ...]) -> str:
    return ".".join(map(str, path))[:_NAME] or "event"
