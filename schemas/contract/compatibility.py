"""Schema compatibility: what a change to an event would break, in storage and for consumers.

Compared are two JSON Schemas of one event. A later one may add what is optional and accept more; it
breaks what stands when it takes a property away, requires one that was not required, or accepts less.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

Schema = Mapping[str, Any]

_ALTERNATIVES: Final = ("anyOf", "oneOf")
_LOWER: Final = ("minLength", "minimum", "exclusiveMinimum", "minItems")
_UPPER: Final = ("maxLength", "maximum", "exclusiveMaximum", "maxItems")
_EXACT: Final = ("pattern", "format")


def breaks(old: Schema, new: Schema) -> tuple[str, ...]:
    """Each break, by the path of its property; nothing where all that `old` accepts is still good."""
    return tuple(_Change(old, new).of(old, new, "event"))


@dataclass(frozen=True, slots=True)
class _Change:
    """Two whole schemas, by whose definitions references are resolved."""

    old: Schema
    new: Schema

    def of(self, old: Schema, new: Schema, path: str) -> Iterator[str]:
        """The breaks of one place in both."""
        wanted = _alternatives(_resolved(new, self.new))
        for each in _alternatives(_resolved(old, self.old)):
            found = [tuple(self._of_one(each, _resolved(one, self.new), path)) for one in wanted]
            yield from min(found, key=len)

    def _of_one(self, old: Schema, new: Schema, path: str) -> Iterator[str]:
        old = _resolved(old, self.old)
        yield from _narrowed(old, new, path)
        yield from self._properties(old, new, path)
        for name in ("items", "additionalProperties"):
            before, after = old.get(name, True), new.get(name, True)
            if isinstance(after, Mapping):
                yield from self.of(before if isinstance(before, Mapping) else {}, after, f"{path}[]")
            elif after is False and before is not False:
                yield f"{path}: {name} is no longer accepted"

    def _properties(self, old: Schema, new: Schema, path: str) -> Iterator[str]:
        before, after = old.get("properties", {}), new.get("properties", {})
        for name in sorted(before.keys() - after.keys()):
            yield f"{path}.{name}: removed"
        for name in sorted(set(new.get("required", ())) - set(old.get("required", ()))):
            yield f"{path}.{name}: newly required"
        for name in sorted(before.keys() & after.keys()):
            yield from self.of(before[name], after[name], f"{path}.{name}")


def _resolved(schema: Schema, whole: Schema) -> Schema:
    """`schema`, or what it refers to."""
    if "$ref" not in schema:
        return schema
    found: Any = whole
    for part in str(schema["$ref"]).removeprefix("#/").split("/"):
        found = found[part]
    return _resolved(found, whole)


def _alternatives(schema: Schema) -> list[Schema]:
    return next((list(schema[name]) for name in _ALTERNATIVES if name in schema), [schema])


def _narrowed(old: Schema, new: Schema, path: str) -> Iterator[str]:
    if (
        "type" in new
        and new["type"] != old.get("type")
        and (old.get("type"), new["type"]) != ("integer", "number")
    ):
        yield f"{path}: {old.get('type', 'anything')} became {new['type']}"
    values, wanted = _values(old), _values(new)
    if wanted is not None and (values is None or not values <= wanted):
        lost = sorted(map(str, values - wanted)) if values is not None else "anything else"
        yield f"{path}: no longer accepts {lost}"
    for name in (*_LOWER, *_UPPER, *_EXACT):
        if name in new and _is_tighter(name, old.get(name), new[name]):
            yield f"{path}: {name} {old.get(name)} became {new[name]}"


def _values(schema: Schema) -> frozenset[Any] | None:
    """The only values accepted; None where there is no such list."""
    if "const" in schema:
        return frozenset({schema["const"]})
    return frozenset(schema["enum"]) if "enum" in schema else None


def _is_tighter(name: str, old: Any, new: Any) -> bool:  # noqa: ANN401 - a bound of any kind
    if old is None or name in _EXACT:
        return bool(old != new)
    return bool(new > old if name in _LOWER else new < old)
