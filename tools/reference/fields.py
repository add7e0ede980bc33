"""The fields of an event as a table, from its JSON Schema: nested ones by their path."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel

from schemas.contract import published
from tools.reference.tables import code, table

Schema = Mapping[str, Any]

_PLAIN: Final = {"integer": "whole number", "number": "number", "boolean": "true or false", "string": "text"}


def fields(event: type[BaseModel]) -> str:
    """Every field of `event`, with its type, whether it must be there, and what it means."""
    schema = published.json_schema(event)
    comes_in = published.mode_of(event) == "validation"
    heads = ("Field", "Type", "Required" if comes_in else "Always there", "Meaning")
    rows = _Fields(schema.get("$defs", {}), comes_in=comes_in).below(schema, path="")
    return table(heads, ((code(path), kind, "yes" if must else "", said) for path, kind, must, said in rows))


@dataclass(frozen=True, slots=True)
class _Fields:
    """Walks one schema."""

    definitions: Mapping[str, Schema]
    comes_in: bool
    """Whether the event is described as it is read; else as it is written."""

    def below(self, schema: Schema, *, path: str) -> Iterator[tuple[str, str, bool, str]]:
        """Path, type, whether it must be there, and meaning of each property, and of those below it."""
        required = schema.get("required", ())
        for name, given in schema.get("properties", {}).items():
            alternatives = [self._resolved(each) for each in given.get("anyOf", [given])]
            kinds = [each for each in alternatives if each.get("type") != "null"]
            # What is written has all its fields but those that are null.
            must = name in required if self.comes_in else kinds == alternatives
            where = f"{path}{name}"
            said = given.get("description", "") + (_default(given) if self.comes_in else "")
            yield where, " or ".join(map(self._kind, kinds)), must, said
            for kind in kinds:
                yield from self._nested(kind, path=where)

    def _nested(self, schema: Schema, *, path: str) -> Iterator[tuple[str, str, bool, str]]:
        if schema.get("type") == "array":
            yield from self.below(self._resolved(schema.get("items", {})), path=f"{path}[].")
        else:
            yield from self.below(schema, path=f"{path}.")

    def _resolved(self, schema: Schema) -> Schema:
        if "$ref" not in schema:
            return schema
        return self.definitions[schema["$ref"].rpartition("/")[2]]

    def _kind(self, schema: Schema) -> str:
        if "const" in schema or "enum" in schema:
            values = schema.get("enum") or [schema["const"]]
            return " or ".join(code(json.dumps(value)) for value in values)
        match schema.get("type"):
            case "array":
                return f"list of {self._kind(self._resolved(schema.get('items', {})))}{_bounds(schema)}"
            case "object" if isinstance(values := schema.get("additionalProperties"), Mapping):
                return f"map of {self._kind(self._resolved(values))}"
            case "string" if schema.get("format") == "date-time":
                return "time"
            case str(plain) if plain in _PLAIN:
                return _PLAIN[plain] + _bounds(schema)
        return "object"


def _bounds(schema: Schema) -> str:
    lower = next((schema[name] for name in ("minLength", "minimum", "minItems") if name in schema), None)
    upper = next((schema[name] for name in ("maxLength", "maximum", "maxItems") if name in schema), None)
    unit = " characters" if "maxLength" in schema else ""
    if upper is None:
        return ""
    return f", {lower:,} to {upper:,}{unit}" if lower is not None else f", at most {upper:,}{unit}"


def _default(given: Schema) -> str:
    default = given.get("default")
    return f" Default: {code(json.dumps(default))}." if default not in (None, {}, []) else ""
