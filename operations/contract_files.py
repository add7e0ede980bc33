"""The contract as files: JSON Schemas of the events, AsyncAPI and OpenAPI documents, written and compared.

The OpenAPI document is given, since whoever answers HTTP imports this package.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from schemas.contract import asyncapi, published
from schemas.contract.api_compatibility import api_breaks
from schemas.contract.compatibility import breaks

COMMITTED: Final = Path("docs/schemas")
ASYNCAPI: Final = "asyncapi.json"
OPENAPI: Final = "openapi.json"


def documents(api: Mapping[str, Any]) -> dict[str, Any]:
    """Every document, by the name of its file; `api` is the OpenAPI document."""
    events = {f"{name}.json": schema for name, schema in published.json_schemas().items()}
    return events | {ASYNCAPI: asyncapi.document(), OPENAPI: api}


def write(folder: Path, documents: Mapping[str, Any]) -> tuple[Path, ...]:
    """The files of `documents`, written into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, document in documents.items():
        (folder / name).write_text(_text(document), encoding="utf-8")
        written.append(folder / name)
    return tuple(written)


def differences(folder: Path, documents: Mapping[str, Any]) -> Iterator[str]:
    """What differs between files and `documents`, and what of it breaks those who read the topics or call."""
    for path in sorted(folder.glob("*.json")):
        if path.name not in documents:
            yield f"{path}: no such document any more"
    for name, document in documents.items():
        path = folder / name
        committed = path.read_text(encoding="utf-8") if path.is_file() else None
        if committed == _text(document):
            continue
        yield f"{path}: {'differs' if committed else 'missing'}"
        if committed and name != ASYNCAPI:
            compared = api_breaks if name == OPENAPI else breaks
            yield from (f"  breaks {each}" for each in compared(json.loads(committed), document))


def _text(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
