"""The canonical form of what a world holds: documents and events as plain JSON, without what a clock says."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date
from typing import Any

from pydantic import BaseModel

from .worker import World

MASKED = frozenset({"scored_at", "seconds", "due_at", "trace"})
"""Fields that a clock or a line's number decides; whether they are there is held."""

HASHED = 200
"""Bytes from which on a hash stands for the bytes."""


async def account(world: World) -> dict[str, Any]:
    """Every document and every event of `world`, in plain JSON."""
    heads = await world.scores.scan(limit=10_000)
    records = [record for head in heads for record in await world.scores.records(head.image_id)]
    return {
        "heads": {head.image_id: plain(head) for head in heads},
        "records": {
            f"{each.image_id} {each.content_version} {each.scores.model.version}": plain(each)
            for each in records
        },
        "announced": plain(world.tags.announced),
        "statements": [each.puid for each in await world.scores.statements(limit=10_000)],
        "letters": plain(world.tags.buried),
    }


def plain(value: object) -> Any:
    """`value` in plain JSON, the masked fields of it masked."""
    match value:
        case BaseModel():
            return plain(value.model_dump())
        case Mapping():
            return {str(name): _masked(str(name), each) for name, each in value.items()}
        case list() | tuple():
            return [plain(each) for each in value]
        case date():
            return value.isoformat()
        case bytes():
            return _text(value)
    return str(value) if isinstance(value, str) else value  # a word of an enumeration is its text


def _masked(name: str, value: object) -> Any:
    return "(masked)" if name in MASKED and value else plain(value)


def _text(value: bytes) -> str:
    if len(value) >= HASHED:
        return f"{len(value)} bytes, sha256 {hashlib.sha256(value).hexdigest()}"
    return value.decode(errors="backslashreplace")
