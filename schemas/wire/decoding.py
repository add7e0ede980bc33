"""Message decoder: from the bytes of one Kafka message to the records in it, and back.

One message may carry several records (an S3 notification does), so the answer is a tuple; a bad
record is an answer of its own and does not spoil its siblings. What a message is, its shape says:

| it has                                                         | it is                                |
|----------------------------------------------------------------|--------------------------------------|
| headers `ce_specversion`, `ce_id`, ...                         | a CloudEvent in binary mode          |
| content-type `application/cloudevents-batch+json`, or a list   | a batch of CloudEvents               |
| content-type `application/cloudevents+json`, or `specversion`  | a CloudEvent in structured mode      |
| `Records`, or `"Event": "s3:TestEvent"`, or a list of records  | S3 notifications (`schemas.wire.s3`) |
| `"type": "ImageRemoved"`, or `removed_at` and no type          | `ImageRemoved`                       |
| nothing of this                                                | `ImageUploaded`, or spoiled          |

A CloudEvent's data is any of the last three. Where such an event of ours lacks its id or its time, the
CloudEvent's are taken; where it lacks a type, a CloudEvent's type that ends in `removed` says it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pydantic import BaseModel

from schemas.decisions import ModerationDecided
from schemas.errors import Malformed
from schemas.events import RescoreRequested
from schemas.naming import Naming
from schemas.uploads import ImageRemoved, ImageUploaded
from schemas.wire import cloudevents, s3
from schemas.wire.cloudevents import Envelope
from schemas.wire.json_bodies import as_object, parsed, validated
from schemas.wire.record_types import (
    MAX_RECORDS,
    Ignored,
    Invalid,
    Part,
    Record,
    Removed,
    Uploaded,
    apart,
)

Headers = Mapping[str, bytes]
PLAIN: Final = Naming()


def decode(raw: bytes | None, headers: Headers, naming: Naming = PLAIN) -> tuple[Record, ...]:
    """What one message of the uploads topic asks for; never empty, never raises on any bytes."""
    try:
        return apart(_parts(raw, headers, naming))
    except Malformed as error:
        return (Invalid(error),)


def decode_decision(raw: bytes | None, headers: Headers) -> ModerationDecided | Invalid:
    """The decision that one message of the decisions topic is, bare or as a CloudEvent; never raises."""
    try:
        return validated(ModerationDecided, _decision(raw, headers))
    except Malformed as error:
        return Invalid(error)


def decode_rescore(raw: bytes | None, headers: Headers) -> RescoreRequested | Invalid:  # noqa: ARG001 - as its siblings
    """The request that one message of the replay lane is; never raises."""
    try:
        return validated(RescoreRequested, as_object(parsed(raw)))
    except Malformed as error:
        return Invalid(error)


def encode(event: BaseModel) -> bytes:
    """`event` as UTF-8 JSON."""
    return event.model_dump_json(exclude_none=True).encode()


def _parts(raw: bytes | None, headers: Headers, naming: Naming) -> tuple[Part, ...]:
    if cloudevents.is_binary(headers):
        return _of_cloudevent(cloudevents.binary(raw, headers), naming)
    body = parsed(raw)
    if cloudevents.is_batch(body, headers):
        return _of_batch(body, naming)
    if cloudevents.is_structured(body, headers):
        return _of_structured(body, naming)
    return _of_body(body, naming)


def _of_batch(body: object, naming: Naming) -> tuple[Part, ...]:
    events = body if isinstance(body, list) else []
    if len(events) > MAX_RECORDS:
        raise Malformed(f"a batch of {len(events):,} CloudEvents; at most {MAX_RECORDS:,} are taken")
    parts = (part for each in events for part in _of_one_in_batch(each, naming))
    return tuple(Part(each.record, [each.document]) for each in parts) or (
        Part(Ignored("an empty batch"), body),
    )


def _of_one_in_batch(body: object, naming: Naming) -> tuple[Part, ...]:
    try:
        return _of_structured(body, naming)
    except Malformed as error:
        return (Part(Invalid(error), body),)


def _of_structured(body: object, naming: Naming) -> tuple[Part, ...]:
    parts = _of_cloudevent(cloudevents.structured(body), naming)
    return tuple(Part(each.record, cloudevents.holding(body, each.document)) for each in parts)


def _of_cloudevent(event: Envelope, naming: Naming) -> tuple[Part, ...]:
    if cloudevents.is_structured(event.data, {}):
        raise Malformed("a CloudEvent within a CloudEvent")
    if s3.is_notification(event.data):
        return s3.records(event.data, naming)
    document = as_object(event.data)
    removal = _is_removal(document) or (event.is_removal and "type" not in document)
    filled = _filled(document, event, when="removed_at" if removal else "uploaded_at")
    return (Part(_own(filled, removal=removal), document),)


def _of_body(body: object, naming: Naming) -> tuple[Part, ...]:
    if s3.is_notification(body):
        return s3.records(body, naming)
    document = as_object(body)
    return (Part(_own(document, removal=_is_removal(document)), document),)


def _is_removal(document: Mapping[str, object]) -> bool:
    kind = document.get("type")
    return kind == "ImageRemoved" if kind is not None else document.get("removed_at") is not None


def _own(document: dict[str, object], *, removal: bool) -> Record:
    if removal:
        return Removed(validated(ImageRemoved, document))
    return Uploaded(validated(ImageUploaded, document))


def _decision(raw: bytes | None, headers: Headers) -> dict[str, object]:
    if cloudevents.is_binary(headers):
        event = cloudevents.binary(raw, headers)
    else:
        body = parsed(raw)
        if not cloudevents.is_structured(body, headers):
            return as_object(body)
        event = cloudevents.structured(body)
    return _filled(as_object(event.data), event, when="decided_at")


def _filled(document: dict[str, object], event: Envelope, *, when: str) -> dict[str, object]:
    """`document`, with the CloudEvent's id and time where it has none of its own."""
    given = {name: value for name, value in document.items() if value is not None}
    time = {} if event.time is None else {when: event.time}
    return {"event_id": event.event_id} | time | given
