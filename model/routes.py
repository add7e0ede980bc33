"""The routes file: which label goes where, one line a rule, over those that the model brings.

[[routes]]
label = "menu"            # a label of the model, or "uncertain"
topic = "photos.moderation.v1"
threshold = 0.8           # the label's own where absent
hysteresis = 0.1          # an announced route is withdrawn only below threshold - hysteresis
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from schemas import topics
from schemas.errors import ConfigurationError
from schemas.tags import RouteRule

_RESERVED: Final = frozenset(topics.ALL) - {topics.MODERATION, topics.AMBIANCE}
_TOPIC: Final = r"^photos\.[a-z0-9]+(\.[a-z0-9-]+)*\.v[0-9]+$"


class _Line(BaseModel):
    """One rule as people write it: a misspelt name must not be a default in silence."""

    model_config = ConfigDict(extra="forbid", strict=True)

    label: str = Field(min_length=1)
    topic: str = Field(pattern=_TOPIC)
    threshold: Annotated[float, Field(ge=0, le=1)] | None = None
    hysteresis: float = Field(0.0, ge=0, le=1)


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    routes: list[_Line]


_FILE: Final = TypeAdapter(_File)


def load(path: Path) -> tuple[RouteRule, ...]:
    """The rules of the file at `path`.

    Raises:
        ConfigurationError: it cannot be read, or one of its lines is wrong: which, and why.
    """
    try:
        document = tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{path}: {error}") from error
    try:
        lines = _FILE.validate_python(document).routes
    except ValidationError as error:
        raise ConfigurationError(f"{path}: {_in_words(error)}") from error
    for number, line in enumerate(lines, 1):
        if line.topic in _RESERVED:
            raise ConfigurationError(f"{path}: routes {number}: {line.topic} is not a topic of routes")
    twice = [(line.label, line.topic) for line in lines]
    if len(set(twice)) < len(twice):
        raise ConfigurationError(f"{path}: a label goes to the same topic twice")
    return tuple(RouteRule.model_validate(line.model_dump()) for line in lines)


def dump(rules: tuple[RouteRule, ...]) -> str:
    """`rules` as a routes file."""
    return "\n".join(map(_table, rules))


def _table(rule: RouteRule) -> str:
    lines = ["[[routes]]", f'label = "{rule.label}"', f'topic = "{rule.topic}"']
    lines += [] if rule.threshold is None else [f"threshold = {rule.threshold:g}"]
    lines += [f"hysteresis = {rule.hysteresis:g}"] if rule.hysteresis else []
    return "\n".join([*lines, ""])


def _in_words(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    place = ".".join(str(part + 1) if isinstance(part, int) else part for part in first["loc"])
    return f"{place}: {first['msg']}"
