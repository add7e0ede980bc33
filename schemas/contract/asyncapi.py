"""AsyncAPI 3.0 document of every topic, generated from the models.

It is written from Tagstream's side: `receive` is what it reads, `send` what it publishes.
"""

from __future__ import annotations

import json
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from schemas.contract import examples
from schemas.contract.published import CHANNELS, EVENTS, Channel, Documented, mode_of
from schemas.wire import cloudevents

Document = dict[str, Any]

VERSION: Final = "1.0.0"
"""Of the contract, not of the program: its major number is that of the topics and of the events' schemas."""
KAFKA_BINDING: Final = "0.5.0"
_JSON: Final = "application/json"
_LETTER: Final = "Letter"
_TOMBSTONE: Final = "Tombstone"


def document() -> Document:
    """The whole of it."""
    return {
        "asyncapi": "3.0.0",
        "id": "urn:tagstream:photos",
        "info": {
            "title": "Tagstream",
            "version": VERSION,
            "description": "Tags photographs as they are uploaded. Delivery is at least once: deduplicate by"
            " `event_id`, and drop an event of a lower `revision` than the last you saw of its image.",
        },
        "defaultContentType": _JSON,
        "channels": {channel.name: _channel(channel) for channel in CHANNELS},
        "operations": {name: operation for channel in CHANNELS for name, operation in _operations(channel)},
        "components": {"messages": _messages(), "schemas": _schemas()},
    }


def _ref(*path: str) -> Document:
    return {"$ref": "#/" + "/".join(path)}


def _names(channel: Channel) -> list[str]:
    """The messages that the channel carries."""
    named = [event.__name__ for event in channel.events] or [_LETTER]
    return [*named, _TOMBSTONE] if channel.is_compacted else named


def _channel(channel: Channel) -> Document:
    cleanup = "compact" if channel.is_compacted else "delete"
    binding = {"topic": channel.topic, "topicConfiguration": {"cleanup.policy": [cleanup]}}
    return {
        "address": channel.topic,
        "description": f"{channel.about} Keyed by {channel.key}." if channel.events else channel.about,
        "messages": {name: _ref("components", "messages", name) for name in _names(channel)},
        "bindings": {"kafka": binding | {"bindingVersion": KAFKA_BINDING}},
    }


def _operations(channel: Channel) -> list[tuple[str, Document]]:
    actions = [action for action, is_so in (("receive", channel.receives), ("send", channel.sends)) if is_so]
    return [(f"{action}-{channel.name}", _operation(channel, action)) for action in actions]


def _operation(channel: Channel, action: str) -> Document:
    # Notifications are read and never written: those that publish them are storages.
    names = [name for name in _names(channel) if action == "receive" or name != "S3Notification"]
    return {
        "action": action,
        "channel": _ref("channels", channel.name),
        "messages": [_ref("channels", channel.name, "messages", name) for name in names],
    }


def _messages() -> Document:
    by_event = {event.__name__: _message(event) for event in EVENTS}
    return by_event | {_LETTER: _letter(), _TOMBSTONE: _tombstone()}


def _message(event: type[BaseModel]) -> Document:
    name = event.__name__
    headers = "EventHeaders" if event in cloudevents.KINDS else "TraceHeaders"
    return {
        "name": name,
        "title": name,
        "summary": (event.__doc__ or name).splitlines()[0],
        "contentType": _JSON,
        "headers": _ref("components", "schemas", headers),
        "payload": _ref("components", "schemas", name),
        "bindings": _key("What keys the topic"),
        "examples": [{"name": name, "payload": example(event)}],
    }


def example(event: type[BaseModel]) -> Document:
    """The example of `event`, as it is on the wire."""
    made = examples.EXAMPLES[event].model_dump_json(exclude_none=True, by_alias=True)
    document: Document = json.loads(made)
    return document


def _letter() -> Document:
    return {
        "name": _LETTER,
        "title": "A message as it came, and why it is here",
        "contentType": "application/octet-stream",
        "headers": _ref("components", "schemas", "LetterHeaders"),
        "payload": {"description": "The message's bytes, exactly as they came."},
        "bindings": _key("The message's key, exactly as it came"),
    }


def _tombstone() -> Document:
    return {
        "name": _TOMBSTONE,
        "title": "The image is gone",
        "summary": "A message without a value: compaction deletes its key.",
        "payload": {"type": "null"},
        "bindings": _key("image_id"),
    }


def _key(about: str) -> Document:
    return {"kafka": {"key": {"type": "string", "description": about}, "bindingVersion": KAFKA_BINDING}}


def _schemas() -> Document:
    _, made = models_json_schema(
        [(event, mode_of(event)) for event in EVENTS],
        schema_generator=Documented,
        ref_template="#/components/schemas/{model}",
    )
    headers = {"TraceHeaders": _trace(), "EventHeaders": _event_headers(), "LetterHeaders": _letter_headers()}
    return dict(sorted((made["$defs"] | headers).items()))


def _trace() -> Document:
    about = "W3C trace context; what follows from the message belongs to the same trace"
    return _headers({"traceparent": _text(about)})


def _event_headers() -> Document:
    headers = {
        "ce_specversion": {"type": "string", "const": cloudevents.SPEC_VERSION},
        "ce_id": _text("The event's id"),
        "ce_source": _text("The installation that says it"),
        "ce_type": _text("tagstream.photos.<kind>.v<schema version>"),
        "ce_time": {"type": "string", "format": "date-time"},
        "ce_subject": _text("image_id"),
        "content-type": {"type": "string", "const": _JSON},
        "traceparent": _text("W3C trace context"),
    }
    about = "CloudEvents 1.0 in binary mode: always with what Tagstream sends, at will with what it receives."
    return _headers(headers) | {"description": about}


def _letter_headers() -> Document:
    return _headers({name: _text(value.decode()) for name, value in examples.LETTER.causes.items()}) | {
        "description": "Beside the headers that the message came with; the values are those of an example."
    }


def _headers(properties: Document) -> Document:
    return {"type": "object", "properties": properties}


def _text(about: str) -> Document:
    return {"type": "string", "description": about}
