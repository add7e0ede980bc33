"""The contract as files: JSON Schemas of the events and the AsyncAPI document, written and compared."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from schemas.contract import asyncapi, published
from schemas.contract.compatibility import breaks

COMMITTED: Final = Path("docs/schemas")


def documents() -> dict[str, Any]:
    """Every document, by the name of its file."""
    events = {f"{name}.json": schema for name, schema in published.json_schemas().items()}
    return events | {"asyncapi.json": asyncapi.document()}


def write(folder: Path) -> tuple[Path, ...]:
    """The files, written into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, document in documents().items():
        (folder / name).write_text(_text(document), encoding="utf-8")
        written.append(folder / name)
    return tuple(written)


def differences(folder: Path) -> Iterator[str]:
    """What differs between files and code, and what of it breaks those who read the topics."""
    current = documents()
    for path in sorted(folder.glob("*.json")):
        if path.name not in current:
            yield f"{path}: no such event any more"
    for name, document in current.items():
        path = folder / name
        committed = path.read_text(encoding="utf-8") if path.is_file() else None
        if committed == _text(document):
            continue
        yield f"{path}: {'differs' if committed else 'missing'}"
        if committed and name != "asyncapi.json":
            yield from (f"  breaks {each}" for each in breaks(json.loads(committed), document))


def _text(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
