"""API compatibility: what a change of the OpenAPI document would break for those who call.

A later one may have more resources, more fields in answers and more optional ones in requests. It breaks
callers when it takes any of them away, or wants more of a request, or accepts less.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from schemas.contract.compatibility import breaks

Document = Mapping[str, Any]

_REF: Final = re.compile(r'"#/components/schemas/(\w+)"')


def api_breaks(old: Document, new: Document) -> tuple[str, ...]:
    """Each break, by its operation or by the path of its field."""
    return (*_operations(old, new), *_schemas(old, new))


def _operations(old: Document, new: Document) -> Iterator[str]:
    for name, before in _by_name(old).items():
        after = _by_name(new).get(name)
        if after is None:
            yield f"{name}: removed"
            continue
        narrowed = _parameters(_of_operation(before, old), _of_operation(after, new))
        yield from (f"{name}: {each}" for each in narrowed)
        for each in sorted(_bodies(before) - _bodies(after)):
            yield f"{name}: takes no {each} any more"
        for each in sorted(_answers(before) - _answers(after)):
            yield f"{name}: answers no {each} any more"


def _by_name(document: Document) -> dict[str, Document]:
    return {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def _of_operation(operation: Document, whole: Document) -> dict[str, Document]:
    """Its parameters by name, each schema with the definitions that it may refer to."""
    return {
        each["name"]: {**each, "schema": {**each["schema"], **_definitions(whole)}}
        for each in operation.get("parameters", ())
    }


def _parameters(before: Mapping[str, Document], after: Mapping[str, Document]) -> Iterator[str]:
    for name in sorted(before.keys() - after.keys()):
        yield f"parameter {name} removed"
    for name, each in sorted(after.items()):
        if each.get("required") and not before.get(name, {}).get("required"):
            yield f"parameter {name} newly required"
        elif name in before:
            found = breaks(before[name]["schema"], each["schema"])
            yield from (one.replace("event", f"parameter {name}", 1) for one in found)


def _bodies(operation: Document) -> set[str]:
    return set(operation.get("requestBody", {}).get("content", ()))


def _answers(operation: Document) -> set[str]:
    return {status for status in operation["responses"] if status.startswith("2")}


def _schemas(old: Document, new: Document) -> Iterator[str]:
    """Of requests every break; of answers what is gone or of another type."""
    before, after = old["components"]["schemas"], new["components"]["schemas"]
    sent = _sent(old) | _sent(new)
    for name in sorted(before.keys() & after.keys()):
        for each in breaks(before[name] | _definitions(old), after[name] | _definitions(new)):
            if name in sent or not each.endswith("newly required"):
                yield each.replace("event", name, 1)


def _definitions(document: Document) -> dict[str, Any]:
    return {"components": document["components"]}


def _sent(document: Document) -> set[str]:
    """The schemas of requests, those within them included."""
    bodies = [each.get("requestBody") for each in _by_name(document).values()]
    found, fresh = set[str](), set(_REF.findall(json.dumps(bodies)))
    while fresh:
        found |= fresh
        inner = [document["components"]["schemas"].get(name) for name in fresh]
        fresh = set(_REF.findall(json.dumps(inner))) - found
    return found
