"""Messages as JSON documents, and the cause headers of a dead letter."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from schemas.wire import headers
from streams.message import Message


def document(message: Message) -> dict[str, Any]:
    """As a line of `--json`: `value` is the event, or text where it is none; null is a tombstone."""
    return {
        "topic": message.topic,
        "partition": message.partition,
        "offset": message.offset,
        "timestamp": message.timestamp.isoformat() if message.timestamp else None,
        "key": None if message.key is None else message.key.decode(errors="replace"),
        "headers": {name: value.decode(errors="replace") for name, value in message.headers},
        **_value(message.value),
    }


def causes(message: Message) -> Mapping[str, str]:
    """Why a letter is one: its cause headers, by their names without the prefix."""
    return {
        name.removeprefix(headers.PREFIX): value.decode(errors="replace")
        for name, value in message.headers
        if name.startswith(headers.PREFIX)
    }


def code(message: Message) -> str:
    """The cause of a letter in one word."""
    return causes(message).get("code", "unknown")


def explanation(message: Message) -> str:
    """The cause of a letter in a sentence; empty where it has none."""
    return causes(message).get("exception.message", "")


def _value(raw: bytes | None) -> dict[str, Any]:
    if raw is None:
        return {"value": None}
    try:
        return {"value": json.loads(raw)}
    except ValueError:
        pass
    try:
        return {"value": raw.decode()}
    except UnicodeDecodeError:
        return {"value_base64": base64.b64encode(raw).decode()}
