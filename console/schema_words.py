"""JSON Schema in words: the type of a value as one line, for people who read a page.

References become links to `#schema-NAME`. What is said is markup: text out of a schema is escaped.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from markupsafe import Markup, escape

Schema = Mapping[str, Any]

_REFERENCE: Final = "#/components/schemas/"
_FORMATS: Final = {"binary": "a file", "date-time": "time (RFC 3339)"}
_TOGETHER: Final = (("anyOf", Markup(" or ")), ("oneOf", Markup(" or ")), ("allOf", Markup(" and ")))
_RANGES: Final = (
    ("minimum", "maximum", ""),
    ("minLength", "maxLength", " characters"),
    ("minItems", "maxItems", " of them"),
)


def of(schema: Schema) -> Markup:
    """The type, its bounds and its default, as in `integer (1 to 500); 50 if absent`."""
    said, bounds = _kind(schema), Markup(", ").join(_bounds(schema))
    if bounds:
        said = Markup("{} ({})").format(said, bounds)
    default = schema.get("default")
    return said if default is None else Markup("{}; {} if absent").format(said, _literal(default))


def reference(name: str) -> str:
    """The id of a schema's place on the page."""
    return f"schema-{name}"


def _kind(schema: Schema) -> Markup:
    if (target := schema.get("$ref")) is not None:
        name = str(target).removeprefix(_REFERENCE)
        return Markup('<a href="#{}">{}</a>').format(reference(name), name)
    for word, between in _TOGETHER:
        if word in schema:
            return between.join(map(of, schema[word]))
    if "const" in schema:
        return _literal(schema["const"])
    if "enum" in schema:
        return Markup(" or ").join(map(_literal, schema["enum"]))
    return _plain(schema)


def _plain(schema: Schema) -> Markup:
    match schema.get("type"):
        case "array":
            inner = schema.get("items") or {"type": "anything"}
            tuple_of = schema.get("prefixItems")
            return Markup("list of {}").format(
                of(inner) if tuple_of is None else Markup(" and ").join(map(of, tuple_of))
            )
        case "object" if isinstance(schema.get("additionalProperties"), Mapping):
            return Markup("object of {}").format(of(schema["additionalProperties"]))
        case "string" if "contentMediaType" in schema:
            return escape(schema["contentMediaType"])
        case "string" if "format" in schema:
            return escape(_FORMATS.get(schema["format"], schema["format"]))
        case None:
            return Markup("anything")
        case kind:
            return escape(kind)


def _bounds(schema: Schema) -> Iterator[Markup]:
    for least, most, unit in _RANGES:
        match schema.get(least), schema.get(most):
            case None, None:
                continue
            case None, bound:
                yield escape(f"at most {bound:,}{unit}")
            case bound, None:
                yield escape(f"at least {bound:,}{unit}")
            case low, high:
                yield escape(f"{low:,} to {high:,}{unit}")
    for word, said in (("exclusiveMinimum", "above"), ("exclusiveMaximum", "below")):
        if word in schema:
            yield escape(f"{said} {schema[word]:,}")


def _literal(value: object) -> Markup:
    """As JSON has it, but text without its quotes."""
    said = str(value).lower() if isinstance(value, bool) else str(value)
    return Markup("<code>{}</code>").format(said)
