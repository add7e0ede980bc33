"""The routes file: which label goes where, one table a rule, in place of those that the model brings.

[[routes]]
label = "menu"            # a label of the model, or "uncertain"
topic = "photos.moderation.v1"
threshold = 0.8           # the label's own where absent
hysteresis = 0.1          # an announced route is withdrawn only below threshold - hysteresis
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from schemas import topics
from schemas.did_you_mean import did_you_mean
from schemas.errors import ConfigurationError
from schemas.tags import UNCERTAIN, RouteRule

_RESERVED: Final = frozenset({*topics.ALL, topics.REDRIVEN, topics.CONTROL}) - {
    topics.MODERATION,
    topics.AMBIANCE,
}
_TOPIC: Final = r"^photos(\.[a-z0-9][a-z0-9-]*)+\.v[0-9]+$"
_LONGEST: Final = 249
"""Characters of a topic's name, to Kafka."""

_HEADER: Final = re.compile(r"^\s*\[\[\s*routes\s*\]\]")
_EXAMPLE: Final = 'label = "menu", topic = "photos.moderation.v1"'


class _Line(BaseModel):
    """One rule as people write it: a misspelt name must not be a default in silence."""

    model_config = ConfigDict(extra="forbid", strict=True)

    label: str = Field(min_length=1)
    topic: str = Field(pattern=_TOPIC, max_length=_LONGEST)
    threshold: Annotated[float, Field(ge=0, le=1)] | None = None
    hysteresis: float = Field(0.0, ge=0, le=1)


_LINES: Final = TypeAdapter(list[_Line])
_WANTED: Final[Mapping[str, str]] = {
    "label": "a label of the model is wanted, or 'uncertain'",
    "topic": "the name of a topic is wanted: photos.NAME.v1, as in photos.indoor.v1",
    "threshold": "a probability is wanted: from 0 to 1, without quotes, as in 0.8",
    "hysteresis": "a difference of probabilities is wanted: from 0 to 1, without quotes, as in 0.1",
}


def load(path: Path, *, labels: Collection[str] | None = None) -> tuple[RouteRule, ...]:
    """The rules of the file at `path`, held against the model's `labels` where they are given.

    Raises:
        ConfigurationError: it cannot be read, or one of its rules is wrong: which, why, and what is wanted.
    """
    try:
        text = path.read_text(encoding="utf-8")
        document = tomllib.loads(text)
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror or error}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{path}: not TOML: {error}") from error
    source = _Source(path, text, _tables(path, document))
    rules = _rules(source)
    _refuse_impossible(source, rules)
    if labels is not None:
        _refuse_foreign(source, rules, labels)
    return rules


def dump(rules: Sequence[RouteRule]) -> str:
    """`rules` as a routes file, from which `load` makes the same rules."""
    return "\n".join(map(_table, rules)) if rules else "routes = []\n"


@dataclass(frozen=True, slots=True)
class _Source:
    """A file's rules as they were read, and where each stands in it."""

    path: Path
    text: str
    tables: Sequence[Any]

    def wrong(self, index: int, field: str, reason: str) -> ConfigurationError:
        """The error of one field of one rule."""
        line = self._line(index, field)
        place = f"line {line}" if line else f"rule {index + 1}"
        return ConfigurationError(f"{self.path}, {place}: {field}: {reason}")

    def _line(self, index: int, field: str) -> int | None:
        """The field's line, or its rule's; None where rules are not written one table each."""
        lines = self.text.splitlines()
        headers = [number for number, line in enumerate(lines) if _HEADER.match(line)]
        if len(headers) != len(self.tables):
            return None
        start, end = headers[index], [*headers, len(lines)][index + 1]
        assignment = re.compile(rf"""\s*["']?{re.escape(field)}["']?\s*=""")
        return next((at for at in range(start, end) if assignment.match(lines[at])), start) + 1


def _tables(path: Path, document: Mapping[str, Any]) -> Sequence[Any]:
    tables = document.get("routes")
    if list(document) != ["routes"] or not isinstance(tables, list):
        strangers = ", ".join(name for name in document if name != "routes")
        found = f"; {strangers} is nothing of it" if strangers else ""
        raise ConfigurationError(
            f"{path}: a routes file holds rules alone, each below a line [[routes]]: {_EXAMPLE}{found}"
        )
    return tables


def _rules(source: _Source) -> tuple[RouteRule, ...]:
    try:
        lines = _LINES.validate_python(source.tables)
    except ValidationError as error:
        raise _blamed(source, error) from error
    return tuple(RouteRule.model_validate(line.model_dump()) for line in lines)


def _blamed(source: _Source, error: ValidationError) -> ConfigurationError:
    first = error.errors(include_url=False)[0]
    index, field = int(first["loc"][0]), str(first["loc"][1]) if len(first["loc"]) > 1 else "routes"
    match first["type"]:
        case "missing":
            return source.wrong(index, field, f"it is missing; {_WANTED[field]}")
        case "extra_forbidden":
            return source.wrong(index, field, f"a rule has no such field{_nearest(field, _WANTED)}")
        case _:
            reason = _WANTED.get(field, f"a rule is wanted: {_EXAMPLE}")
            return source.wrong(index, field, f"{first['input']!r}: {reason}")


def _refuse_impossible(source: _Source, rules: Sequence[RouteRule]) -> None:
    """What each rule alone may say, and all of them together may not, or not of these topics."""
    seen: set[tuple[str, str]] = set()
    for index, rule in enumerate(rules):
        if rule.topic in _RESERVED:
            reason = f"{rule.topic} carries something else; name a topic of your own, as in photos.indoor.v1"
            raise source.wrong(index, "topic", reason)
        if (rule.label, rule.topic) in seen:
            reason = f"an earlier rule sends {rule.label!r} to {rule.topic} already; keep one of them"
            raise source.wrong(index, "label", reason)
        seen.add((rule.label, rule.topic))


def _refuse_foreign(source: _Source, rules: Sequence[RouteRule], labels: Collection[str]) -> None:
    known = (*labels, UNCERTAIN)
    for index, rule in enumerate(rules):
        if rule.label not in known:
            reason = f"the model has no label {rule.label!r}{_nearest(rule.label, known)}"
            raise source.wrong(index, "label", reason)


def _nearest(given: str, known: Collection[str]) -> str:
    return did_you_mean(given, known, otherwise=f"there are {', '.join(known)}")


def _table(rule: RouteRule) -> str:
    lines = ["[[routes]]", f"label = {_quoted(rule.label)}", f"topic = {_quoted(rule.topic)}"]
    lines += [] if rule.threshold is None else [f"threshold = {rule.threshold!r}"]
    lines += [f"hysteresis = {rule.hysteresis!r}"] if rule.hysteresis else []
    return "\n".join([*lines, ""])


def _quoted(text: str) -> str:
    """A basic string of TOML: JSON's, except that TOML escapes the delete character too."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
