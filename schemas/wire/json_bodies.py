"""JSON parser and validator for what anybody may have sent; says in one short line what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from schemas.errors import Malformed

_SAID: Final = 5
"""Wrong fields that are named; a hostile event has a hundred thousand."""
_NAME: Final = 100

IDS: Final = frozenset({"event_id", "image_id"})
"""Derived from an image's location and its event's time."""

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


def without_nulls(document: Mapping[str, object]) -> dict[str, object]:
    """`document` without the names that are null, at any depth of objects: null stands for absent."""
    return {
        name: without_nulls(value) if isinstance(value, dict) else value
        for name, value in document.items()
        if value is not None
    }


def validated(model: type[_Model], document: object, *, derived: frozenset[str] = frozenset()) -> _Model:
    """`document` as a `model`; raises `Malformed` with the wrong fields by name.

    Nobody is asked for the fields that are `derived` from others while those are missing.
    """
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise Malformed(_in_words(error, derived)) from error


def _in_words(error: ValidationError, derived: frozenset[str]) -> str:
    """Each wrong field and what is wrong with it, in one line, without the values (they may be long)."""
    said = error.errors(include_url=False, include_context=False, include_input=False)
    wrong = [e for e in said if e["type"] != "missing" or not derived.issuperset(e["loc"])] or said
    lines = [f"{_name(e['loc'])}: {e['msg']}" for e in wrong[:_SAID]]
    more = [f"and {len(wrong) - _SAID} more"] if len(wrong) > _SAID else []
    return "; ".join(lines + more)


def _name(path: tuple[int | str, ...]) -> str:
    return ".".join(map(str, path))[:_NAME] or "event"
