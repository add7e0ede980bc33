"""Validation problems: pydantic's errors as JSON pointers, and parameters that no route knows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from fastapi import Request

from console import problems
from console.problems import FieldError, Problem

MOST: Final = 20
"""Fields that are named; a body may be wrong in thousands."""

_PARAMETERS: Final = frozenset({"query", "path", "header", "cookie"})


def invalid(errors: Sequence[Mapping[str, Any]]) -> Problem:
    """What is wrong, field by field; nothing of what was sent is repeated."""
    told = [_field(each["loc"], str(each["msg"]), str(each["type"])) for each in errors][:MOST]
    kind = problems.BAD_BODY if any(each["type"] == "json_invalid" for each in errors) else problems.INVALID
    first = told[0] if told else FieldError(detail="it is empty")
    where = first.pointer or first.parameter or "the body"
    return Problem(kind, f"{where}: {first.detail}", errors=told)


def refuse_unmeant_parameters(request: Request) -> None:
    """One that is spelt wrong must not be the default in silence, nor the last of two. Raises `Problem`."""
    known = {each.alias for each in request.scope["route"].dependant.query_params}
    counts = Counter(name for name, _ in request.query_params.multi_items())
    if repeated := sorted(name for name in counts.keys() & known if counts[name] > 1):
        told = [FieldError(parameter=name, detail="given more than once") for name in repeated]
        raise Problem(problems.INVALID, f"{', '.join(repeated)}: given more than once", errors=told)
    if unknown := sorted(request.query_params.keys() - known):
        told = [FieldError(parameter=name, detail="unknown parameter") for name in unknown[:MOST]]
        names = f"the parameters are {', '.join(sorted(known))}" if known else "there are no parameters here"
        raise Problem(problems.INVALID, names, errors=told)


def _field(where: tuple[int | str, ...], message: str, kind: str) -> FieldError:
    detail = "unknown field" if kind == "extra_forbidden" else message.removeprefix("Value error, ")
    if where[:1] and where[0] in _PARAMETERS:
        return FieldError(parameter=".".join(map(str, where[1:])), detail=detail)
    steps = where[1:] if where[:1] == ("body",) else where
    return FieldError(pointer=_pointer(steps), detail=detail)


def _pointer(steps: tuple[int | str, ...]) -> str:
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)
